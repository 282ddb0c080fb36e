"""A provider that takes its time, and always the same. `python -m bench.paced` prints its port and serves Anthropic's dialect.

Request headers say what it answers: how many text events, and how far apart. It knows a draft by its model's name and a judge's
question by the accept word. The first text of an answer is the time at which it was written, on the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import re
import selectors
import sys
import time
from typing import cast

from extproc.core.steps.judge import ACCEPT_WORD

DRAFT_MODEL = "draft-small"
DRAFT = "x-bench-draft"
"""Request header: text events of the draft. 0: an empty answer, which fails its checks."""
VERIFY = "x-bench-verify"
"""Request header: text events of the verify model's answer. 0: it accepts the draft that it is to judge."""
PACE = "x-bench-pace-us"
"""Request header: microseconds between two events."""
FIRST_S = 0.005
"""How long the first event takes."""
STAMP = re.compile(rb"written at (\d+) ns")
_NOW = "@" * 20
"""Stands for the time until it is known; as long as what takes its place."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ACCEPTANCE = [ACCEPT_WORD[:3], ACCEPT_WORD[3:6], ACCEPT_WORD[6:]]
_END = b"0\r\n\r\n"


class Provider(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take one request, then answer it."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if found and len(body) >= (int(length[1]) if length else 0):
            self._buffer = b""
            self._answer(head, body)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """What is left to say, nobody hears."""
        for timer in self._timers:
            timer.cancel()

    def _answer(self, head: bytes, body: bytes) -> None:
        texts, pace_s = words(head, body), _number(head, PACE) / 1e6
        pieces = dict(enumerate(_events(texts))) if b'"stream": true' in body else {len(texts) + 1: _whole(texts)}
        loop = asyncio.get_running_loop()
        start = loop.time() + FIRST_S
        # At times that are known beforehand, so that a late one does not delay the next.
        self._timers = [loop.call_at(start + number * pace_s, self._write, piece) for number, piece in pieces.items()]

    def _write(self, piece: bytes) -> None:
        self._transport.write(piece.replace(_NOW.encode(), b"%020d" % time.monotonic_ns()))


def words(head: bytes, body: bytes) -> list[str]:
    """Give the texts of the answer, none like another: a draft that repeats itself would fail its checks."""
    drafts = f'"{DRAFT_MODEL}"'.encode() in body
    count = _number(head, DRAFT if drafts else VERIFY)
    if not (count or drafts) and ACCEPT_WORD.encode() in body:
        return _ACCEPTANCE
    return [f"written at {_NOW} ns, ", *[f"word {number}, " for number in range(1, count)]][:count]


def _number(head: bytes, name: str) -> int:
    found = re.search(rf"\r\n{name}: *(\d+)".encode(), head, re.IGNORECASE)
    return int(found[1]) if found else 0


def _whole(texts: list[str]) -> bytes:
    content = [{"type": "text", "text": "".join(texts)}] if texts else []
    usage = {"input_tokens": 20, "output_tokens": len(texts)}
    body = json.dumps({**_message(), "content": content, "stop_reason": "end_turn", "usage": usage})
    return f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def _events(texts: list[str]) -> list[bytes]:
    """Give the writes of a stream: headers and the beginning, each text, the end."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    start = _event("message_start", message={**_message(), "content": [], "usage": {"input_tokens": 20, "output_tokens": 1}})
    end = _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": len(texts)}) + _event("message_stop")
    if not texts:
        return [head + _chunk(start), _chunk(end) + _END]
    start += _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    grown = [_event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts]
    end = _event("content_block_stop", index=0) + end
    return [head + _chunk(start), *[_chunk(one) for one in grown], _chunk(end) + _END]


def _message() -> dict[str, object]:
    return {"id": "msg_01", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}


def _event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    # epoll, and uvloop with it, wake at full milliseconds only; select(2) does better.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(main())
