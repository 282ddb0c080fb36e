"""A load generator that costs next to nothing. `python -m bench.load PORT FILE CONNECTIONS SECONDS` prints one line of JSON.

Requests are prebuilt bytes; a response is whole when as many bytes have come as the first one had. Times are of whole responses.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from time import perf_counter

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class WrongAnswerError(Exception):
    """A response was not what it should be; the message is its beginning."""


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, until: float, done: asyncio.Future[None]) -> None:
        self.times: list[float] = []
        self._request = request
        self._until = until
        self._done = done
        self._head = b""
        self._left = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment] # a TCP connection
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
                self._fail(WrongAnswerError(self._head[:300]))
                return
            self._left = end + 4 + int(match[1])
            data, self._head = self._head, b""
        self._left -= len(data)
        if self._left == 0:
            now = perf_counter()
            self.times.append(now - self._began)
            if now < self._until:
                self._ask()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, in good time or not."""
        if perf_counter() < self._until:
            self._fail(exc or WrongAnswerError("the connection was closed"))
        elif not self._done.done():
            self._done.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)


async def run(port: int, request: bytes, connections: int, seconds: float) -> list[float]:
    """Load for some seconds. Gives the times of all responses, in seconds."""
    loop = asyncio.get_running_loop()
    until = perf_counter() + seconds
    clients, ends = [], []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        client = Client(request, until, done)
        clients.append(client)
        ends.append(done)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc] # a lambda's default
    await asyncio.gather(*ends)
    return [time for client in clients for time in client.times]


def request_of(body: bytes) -> bytes:
    """Give the bytes of a whole request."""
    head = (
        "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n"
    )
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def quantile(times: list[float], share: float) -> float:
    """Give the value below which this share of the times lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    """Load as the command line says."""
    port, file, connections, seconds = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    began = perf_counter()
    times = uvloop.run(run(port, request_of(file.read_bytes()), connections, seconds))
    told = {
        "count": len(times),
        "p50_ms": quantile(times, 0.5) * 1000,
        "p99_ms": quantile(times, 0.99) * 1000,
        "rps": len(times) / (perf_counter() - began),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
