"""How a response ends: the comment behind a stream, and errors in the client's dialect."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from extproc.core.books import spent
from extproc.core.commands import Pairs
from extproc.core.dialects import DIALECTS
from extproc.core.features import Feature
from extproc.core.money import shown
from extproc.core.records import Note
from extproc.core.vocabulary import Dialect
from extproc.core.wire.sse import comment

STATUS_OF = {"connect": 502, "reset": 502, "timeout": 504, "budget": 504}
"""HTTP status that a failure of the verify call has for the client; 502 for all others."""

SLACK_S = 2.0
"""Envoy holds a response this much longer than our calls may take, so that the word that time is up is ours."""

JSON = (("content-type", b"application/json"),)
"""Headers of an error of ours."""

_DAY_S = 86_400
_LONGEST = 2_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def last_words(note: Note) -> bytes:
    """Give the comment behind the last event of a stream: what its headers could not tell."""
    cost = cost_of(note)
    return comment(f"cascade outcome={note.outcome} model={note.model or '-'}" + (f" cost_usd={cost}" if cost else ""))


def refusal(dialect: Dialect, barrier: str) -> tuple[int, bytes]:
    """Give status and body for a request that no model which could answer it can be told of."""
    spec = DIALECTS[dialect]
    if barrier == Feature.SERVER_STATE:
        # The words that make real clients send the whole conversation.
        return spec.forgotten()
    asked = barrier.replace("_", " ")
    return 400, spec.error(400, f"This request cannot be put to the model behind this gateway, which speaks another API: {asked}.")


def spent_out(dialect: Dialect, at: float) -> tuple[int, Pairs, bytes]:
    """Give status, headers and body for a request of a team that has spent its allowance of this day (UTC); `at` in Unix seconds."""
    left_s = math.ceil(_DAY_S - at % _DAY_S)
    body = DIALECTS[dialect].error(429, "The team's allowance for today is spent; it begins anew at midnight UTC.")
    return 429, [*JSON, ("retry-after", b"%d" % left_s)], body


def cost_of(note: Note) -> str:
    """Give what all model calls cost, in US dollars to the last digit; empty where that is not known of each."""
    cost = spent(note.calls)
    return "" if cost is None else shown(cost)


def message_in(body: bytes) -> str:
    """Give the message of an upstream's error body, which all dialects have in the same place; empty where there is none."""
    try:
        told: Any = msgspec.json.decode(body)
        message = told["error"]["message"]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, KeyError, TypeError):
        return ""
    return _CONTROL.sub(" ", message)[:_LONGEST] if isinstance(message, str) else ""
