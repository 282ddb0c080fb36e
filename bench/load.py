"""A load generator that costs next to nothing. `python -m bench.load PORT FILE CONNECTIONS SECONDS WARM_UP` prints a line of JSON.

Requests are prebuilt bytes; a response is whole by its content-length. Times are of whole responses.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class WrongAnswerError(Exception):
    """A response was not what it should be; the message is its beginning."""


@dataclass(frozen=True, slots=True)
class Window:
    """Responses that end in it are measured (seconds on `perf_counter`); connections end with their first response behind it."""

    start: float
    end: float


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, window: Window, done: asyncio.Future[None]) -> None:
        self.times: list[float] = []
        """Seconds of the responses in the window."""
        self.count = 0
        """All responses."""
        self.done = done
        """Resolves when this connection has ended."""
        self._request = request
        self._window = window
        self._head = b""
        self._left = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._began = perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count the response's bytes."""
        if not self._left:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            match = _LENGTH.search(self._head, 0, end)
            if not self._head.startswith(b"HTTP/1.1 200") or match is None:
                self._end(WrongAnswerError(self._head[:300]))
                return
            self._left = end + 4 + int(match[1])
            data, self._head = self._head, b""
        self._left -= len(data)
        if self._left < 0:
            self._end(WrongAnswerError("more came than the content-length says"))
        elif self._left == 0:
            self._answered(perf_counter())

    def _answered(self, now: float) -> None:
        self.count += 1
        if self._window.start <= now < self._window.end:
            self.times.append(now - self._began)
        if now < self._window.end:
            self._ask()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Too early, unless we closed it."""
        self._end(exc or WrongAnswerError("the connection was closed in the middle"))

    def _end(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)
        self._transport.close()


async def run(port: int, request: bytes, connections: int, seconds: float, warm_up: float) -> tuple[list[float], int]:
    """Load for some seconds after a warm-up. Gives the times in seconds, and how many responses there were in all.

    Raises:
        WrongAnswerError: a response was no whole 200.
        OSError: no connection.
    """
    loop = asyncio.get_running_loop()
    start = perf_counter() + warm_up
    window = Window(start, start + seconds)
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: Client(request, window, loop.create_future()), "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return [time for client in clients for time in client.times], sum(client.count for client in clients)


def request_of(body: bytes) -> bytes:
    """Give the bytes of a whole request."""
    head = (
        "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n"
    )
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def quantile(times: list[float], share: float) -> float:
    """Give the smallest value that at least this share of the values does not exceed (nearest rank). `times` may not be empty."""
    return sorted(times)[max(0, ceil(share * len(times)) - 1)]


def main() -> None:
    """Load as the command line says."""
    port, file, connections, seconds, warm_up = sys.argv[1:]
    request = request_of(Path(file).read_bytes())
    try:
        times, count = uvloop.run(run(int(port), request, int(connections), float(seconds), float(warm_up)))
    except (WrongAnswerError, OSError) as error:
        raise SystemExit(f"load: {error}") from None
    if not times:
        raise SystemExit(f"load: no response within {seconds} s")
    told = {
        "count": count,
        "p50_ms": quantile(times, 0.5) * 1000,
        "p99_ms": quantile(times, 0.99) * 1000,
        "rps": len(times) / float(seconds),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
