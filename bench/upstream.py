"""A provider that answers at once, or as late as it is told, JSON or SSE. `python -m bench.upstream` prints its port and serves."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import cast

import uvloop

EVENTS = 200
"""Text events in a streamed answer."""
WAIT = "x-bench-wait-ms"
"""Request header: how many milliseconds the answer shall wait."""

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_WAIT = re.compile(rf"{WAIT}: *(\d+)".encode(), re.IGNORECASE)
_ANSWER = json.dumps(
    {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Good day."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 20, "output_tokens": 5},
    }
).encode()
_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(_ANSWER), _ANSWER)


def _event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _stream() -> bytes:
    start = _event("message_start", message={"id": "msg_01", "role": "assistant", "model": "m", "usage": {"input_tokens": 20}})
    delta = _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "word "})
    end = _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": EVENTS}) + _event("message_stop")
    whole = start + delta * EVENTS + end
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s" % (len(whole), whole)


_SSE = _stream()


class Provider(asyncio.Protocol):
    """One connection: counts a body's bytes and looks only for the wish to stream."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._streams = False
        self._wait_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take headers, then a body by its length, then answer."""
        if not self._left:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            match = _LENGTH.search(self._head, 0, end)
            data, self._left = self._head[end + 4 :], int(match[1]) if match else 0
            wait = _WAIT.search(self._head, 0, end)
            self._wait_s = int(wait[1]) / 1000 if wait else 0.0
            self._head, self._streams = b"", False
        self._streams = self._streams or b'"stream": true' in data
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            answer = _SSE if self._streams else _JSON
            if self._wait_s:
                asyncio.get_running_loop().call_later(self._wait_s, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
