"""What a connection tells, in the order in which it happened."""

from __future__ import annotations

from typing import NamedTuple

from extproc.shell.native.http2.errors import Code
from extproc.shell.native.http2.fields import Request
from extproc.shell.native.http2.frames import Bytes


class Opened(NamedTuple):
    """A stream has begun."""

    stream_id: int
    request: Request
    trace: bytes
    """The trace context, `traceparent`; empty for none."""
    ended: bool
    """The peer sends nothing more on it."""


class Arrived(NamedTuple):
    """Bytes of a stream; told piece by piece, however the frames were cut."""

    stream_id: int
    data: Bytes
    ended: bool


class Roomy(NamedTuple):
    """All that was to be sent on a stream has left; now is the time for more."""

    stream_id: int


class Gone(NamedTuple):
    """A stream has ended early: reset by the peer, or by us for a fault of the peer's."""

    stream_id: int
    code: int


class Over(NamedTuple):
    """The connection has ended by a fault: send what is left to be sent, then close."""

    code: Code


Event = Opened | Arrived | Roomy | Gone | Over
