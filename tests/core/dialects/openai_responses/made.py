"""Answers as the simulated provider makes them, and what is read of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from extproc.core.answers import Answer, Piece, gathered
from extproc.core.dialects.openai_responses import OpenAIResponses
from extproc.core.vocabulary import Dialect
from extproc.core.wire.sse import SseParser
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

SPEC = OpenAIResponses()
SIMULATED = SPEAKERS[Dialect.OPENAI_RESPONSES]
TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}} for name in ("get_weather", "look")]
THINKING = {"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
KINDS: dict[str, dict[str, Any]] = {
    "text": {},
    "reasoning": THINKING,
    "hidden reasoning": {**THINKING, "reasoning": {"effort": "high"}},
    "calls": {"input": "get_weather and look", "tools": TOOLS},
    "everything": {"input": "get_weather, look", "tools": TOOLS, **THINKING},
    "cut": {"max_output_tokens": 9},
}


def simulated(**fields: Any) -> tuple[bytes, bytes]:
    """One answer, as a stream and as a document."""
    ask = SIMULATED.read(json.dumps({"model": "m", "input": "Why is the sky blue?", **fields}).encode())
    answer = compose(ask, Profile(), 1_769_817_600)
    return b"".join(frame.data for frame in SIMULATED.events(ask, answer)), SIMULATED.document(ask, answer)


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


def read(chunks: bytes | Iterable[bytes]) -> list[Piece]:
    """The pieces of a stream."""
    parser, reader = SseParser(), SPEC.reader()
    events = [event for chunk in ([chunks] if isinstance(chunks, bytes) else chunks) for event in parser.feed(chunk)]
    return [piece for event in (*events, *parser.finish()) for piece in reader.read(event)]


def answered(*events: dict[str, Any]) -> Answer:
    return gathered(read(stream(*events)))


def written(pieces: Iterable[Piece]) -> bytes:
    writer = SPEC.writer(7)
    return b"".join(writer.write(piece) for piece in pieces)


def data_of(sent: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in SseParser().feed(sent)]
