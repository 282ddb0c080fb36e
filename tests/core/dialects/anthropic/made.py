"""Answers of the simulated provider, and what they are read to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from extproc.core.answers import Piece
from extproc.core.dialects.anthropic.reader import Reader
from extproc.core.dialects.anthropic.writer import Writer
from extproc.core.wire.sse import SseParser
from extproc.simulator import anthropic
from extproc.simulator.answer import compose
from extproc.simulator.profile import Profile

_CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
_TOOLS = [{"name": "weather", "input_schema": _CITY}, {"name": "clock", "input_schema": {"type": "object"}}]
_MARK = {"type": "ephemeral"}
_TALK = [
    {"role": "user", "content": [{"type": "text", "text": "What is a kite?", "cache_control": _MARK}]},
    {"role": "assistant", "content": "A toy."},
    {"role": "user", "content": "And a 🪁 “crate”?"},
]
_ASKED: dict[str, dict[str, Any]] = {
    "text": {},
    "thinking": {"thinking": {"type": "adaptive"}},
    "calls": {"tools": _TOOLS, "messages": [{"role": "user", "content": "weather and clock, please"}], "thinking": {"type": "adaptive"}},
    "cached": {"messages": _TALK, "system": [{"type": "text", "text": "Be brief.", "cache_control": _MARK}]},
    "length": {"max_tokens": 3},
    "sequence": {"stop_sequences": ["the"]},
}


def _answered(**fields: Any) -> tuple[bytes, bytes]:
    told = {"model": "m-1", "max_tokens": 500, "messages": [{"role": "user", "content": "Tell me of the sea"}], **fields}
    ask = anthropic.read(json.dumps(told).encode())
    answer = compose(ask, Profile(words=12), 0)
    return b"".join([frame.data for frame in anthropic.events(ask, answer)]), anthropic.document(ask, answer)


ANSWERS = {name: _answered(**fields) for name, fields in _ASKED.items()}
"""Name → the same answer as a stream and as a document."""


def read(*chunks: bytes) -> list[Piece]:
    """Read a stream."""
    parser, reader = SseParser(), Reader()
    return [piece for chunk in chunks for event in parser.feed(chunk) for piece in reader.read(event)]


def written(pieces: Iterable[Piece]) -> bytes:
    """Write a stream."""
    writer = Writer()
    return b"".join([writer.write(piece) for piece in pieces])


def stream(*events: dict[str, Any]) -> bytes:
    """Make a stream of the data of its events."""
    return b"".join([b"event: %b\ndata: %b\n\n" % (data["type"].encode(), json.dumps(data).encode()) for data in events])


def data_of(events: bytes) -> list[dict[str, Any]]:
    """The data of the events of a stream."""
    return [json.loads(event.data) for event in SseParser().feed(events)]


START: dict[str, Any] = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}},
}
END: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
STOP: dict[str, Any] = {"type": "message_stop"}


def opened(index: int = 0, **block: Any) -> dict[str, Any]:
    """A block begins."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int = 0, **told: Any) -> dict[str, Any]:
    """A block grows."""
    return {"type": "content_block_delta", "index": index, "delta": told}


def closed(index: int = 0) -> dict[str, Any]:
    """A block ends."""
    return {"type": "content_block_stop", "index": index}
