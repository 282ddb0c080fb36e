"""A provider that answers everything with one message, and remembers requests byte by byte, on any path."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

ANSWER = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "plain",
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
).encode()


@dataclass(frozen=True, slots=True)
class Request:
    """What came, with header names as they came."""

    target: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """One header's value."""
        return dict(self.headers).get(name)


class Plain:
    """`async with` serves on a free port, or on one that was free. What follows a WebSocket upgrade is sent back as it came."""

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        status: int = 200,
        body: bytes = ANSWER,
        port: int = 0,
    ) -> None:
        self.requests: list[Request] = []
        self.port = port
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self._tls = tls
        self._status = status
        self._body = body
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Root of the server; by name with TLS, as certificates name hosts."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=self._tls, limit=1 << 24)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass  # the end of the test; asyncio would report it as an error of the server
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        request = Request(first.split(" ")[1], headers)
        self.requests.append(request)
        if request.header("upgrade"):
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
            while data := await reader.read(1000):
                writer.write(data)
            return False
        if request.header("transfer-encoding"):
            # Answered only when the whole body is here: an early answer would win against what Envoy says of the body.
            await reader.readuntil(b"\r\n0\r\n\r\n")
        await reader.readexactly(int(request.header("content-length") or 0))
        fixed = f"content-type: application/json\r\ncontent-length: {len(self._body)}\r\n"
        writer.write(f"HTTP/1.1 {self._status} Said\r\n{fixed}{self._headers}\r\n".encode() + self._body)
        await writer.drain()
        return True
