"""How a response ends: the comment behind a stream, and errors in the client's dialect."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from extproc.core.records import Note
from extproc.core.wire.sse import comment

STATUS_OF = {"connect": 502, "reset": 502, "timeout": 504, "budget": 504}
"""HTTP status that a failure of the verify call has for the client; 502 for all others."""

SLACK_S = 2.0
"""Envoy holds a response this much longer than our calls may take, so that the word that time is up is ours."""

_LONGEST = 2_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def last_words(note: Note) -> bytes:
    """Give the comment behind the last event of a stream: what its headers could not tell."""
    cost = cost_of(note)
    return comment(f"cascade outcome={note.outcome} model={note.model or '-'}" + (f" cost_usd={cost}" if cost else ""))


def cost_of(note: Note) -> str:
    """Give what all model calls cost, in US dollars; empty where that is not known of each."""
    costs = [call.cost_usd for call in note.calls]
    known = [cost for cost in costs if cost is not None]
    return f"{sum(known):.6f}" if known and len(known) == len(costs) else ""


def message_in(body: bytes) -> str:
    """Give the message of an upstream's error body, which all dialects have in the same place; empty where there is none."""
    try:
        told: Any = msgspec.json.decode(body)
        message = told["error"]["message"]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, KeyError, TypeError):
        return ""
    return _CONTROL.sub(" ", message)[:_LONGEST] if isinstance(message, str) else ""
