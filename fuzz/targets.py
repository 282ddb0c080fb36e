"""All targets by name: what is called with the bytes that a fuzzer makes up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fuzz import connection, dialects, wire

Target = Callable[[bytes], None]

TARGETS: Final[Mapping[str, Target]] = {
    "http2": connection.http2,
    "calls": connection.calls,
    "sse": wire.sse,
    "json": wire.json,
    "inflate": wire.inflate,
    "requests": dialects.requests,
    "answers": dialects.answers,
}
