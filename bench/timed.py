"""A client that notes when things arrive: one connection, one request at a time, JSON or SSE."""

from __future__ import annotations

import http.client
import re
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bench.paced import STAMP

_FIRST = b"event: content_block_delta"
_OUTCOME = re.compile(rb"\n: cascade outcome=(\w+)")


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer, in seconds since its request was sent."""

    first_s: float
    """Its first text; of an answer that is not streamed, all of it."""
    whole_s: float
    behind_s: float
    """From the moment at which the provider wrote the first text until it was here. NaN where it is no such text."""
    events: int
    """Text events."""
    outcome: str
    """What the headers, or the comment at the end, call it; empty without a processor."""


class Client:
    """`with` closes its connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def ask(self, body: bytes, headers: dict[str, str]) -> Timing:
        """Send a request and read its answer. SystemExit where it is no 200."""
        began = time.monotonic()
        self._connection.request("POST", "/v1/messages", body, {"content-type": "application/json", "x-api-key": "k", **headers})
        response = self._connection.getresponse()
        streamed = response.headers.get_content_type() == "text/event-stream"
        got, first = b"", 0.0
        while data := response.read1(65536):
            got += data
            if not first and (_FIRST in got or not streamed):
                first = time.monotonic()
        end = time.monotonic()
        response.close()
        if response.status != 200:
            raise SystemExit(f"bench: status {response.status}: {got[:300]!r}")
        told = _OUTCOME.search(got)
        outcome = told[1].decode() if told else response.headers.get("x-cascade-outcome", "")
        stamp = STAMP.search(got)
        behind = first - int(stamp[1]) / 1e9 if stamp else float("nan")
        return Timing((first or end) - began, end - began, behind, got.count(_FIRST), outcome)
