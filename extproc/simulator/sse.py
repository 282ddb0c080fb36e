"""Server-sent events as providers write them. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

encode = msgspec.json.Encoder().encode


class Frame(NamedTuple):
    """One event of a stream, as its bytes."""

    data: bytes
    tokens: int = 0
    """Answer tokens that it carries: what its sending takes at a pace. 0 for all that only frames the answer."""


def named(data: dict[str, Any], tokens: int = 0) -> Frame:
    """An event that is named after the `type` of its data."""
    return Frame(b"event: %b\ndata: %b\n\n" % (data["type"].encode(), encode(data)), tokens)


def unnamed(data: Any, tokens: int = 0) -> Frame:
    """An event of data only."""
    return Frame(b"data: %b\n\n" % encode(data), tokens)
