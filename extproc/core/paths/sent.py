"""What a path knows of the request that it answers."""

from __future__ import annotations

import msgspec

from extproc.core.events import Headers
from extproc.core.policy import Policy
from extproc.core.records import Note
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import Request


class Sent(msgspec.Struct, frozen=True, gc=False):
    """What was forwarded, and what is needed to send it again elsewhere."""

    request: Request
    path: str
    headers: Headers
    note: Note
    at_s: float
    """When the request arrived."""
    fence: str = ""
    """A token that no model can have guessed."""
    created_s: int = 0
    """Unix time of the request."""
    policy: Policy | None = None
    """What it was decided by."""
    speaker: Interpreter | None = None
    """Speaks for it to models of other dialects, where it has been read for that already."""
