"""The W3C `traceparent` header (Trace Context, §3.2): a place in a trace, read and written."""

from __future__ import annotations

import re

import msgspec

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])")
_ODD = "13579bdf"
_LAST_ID = (1 << 64) - 1


class Place(msgspec.Struct, frozen=True, gc=False):
    """A span in a trace, as the header names it."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    sampled: bool
    """Whoever began the trace wants it kept."""


def place(traceparent: str) -> Place | None:
    """Read the header; None where it is absent or not well formed. What a later version adds at its end is passed over."""
    match = _FORM.match(traceparent)
    return Place(match[1], match[2], match[3] in _ODD) if match else None


def written(trace_id: str, span_id: str, *, sampled: bool) -> bytes:
    """Write the header."""
    return f"00-{trace_id}-{span_id}-0{sampled:d}".encode()


def below(span_id: str, number: int) -> str:
    """Give the id of a span below another, by its number there.

    Ids are counted from a random one, so that whoever knows the upper span's knows them all, before and after they are made.
    """
    return f"{(int(span_id, 16) + number) & _LAST_ID or number:016x}"
