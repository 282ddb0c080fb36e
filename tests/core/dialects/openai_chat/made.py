"""Answers of the simulated provider, and ways to read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from extproc.core.answers import Piece
from extproc.core.dialects.openai_chat import OpenAIChat
from extproc.core.vocabulary import Dialect
from extproc.core.wire.sse import SseParser
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

CHAT = OpenAIChat()
DONE = b"data: [DONE]\n\n"
_TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {key: {"type": "string"}}}}}
    for name, key in (("get_weather", "city"), ("read_file", "path"))
]
_ASK: dict[str, Any] = {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": "Tell me 🐑 stories"}]}
REQUESTS: dict[str, tuple[dict[str, Any], Profile]] = {
    "text": (_ASK, Profile()),
    "usage": ({**_ASK, "stream_options": {"include_usage": True}}, Profile()),
    "thinking": ({**_ASK, "reasoning_effort": "high"}, Profile()),
    "calls": ({**_ASK, "tools": _TOOLS, "stream_options": {"include_usage": True}}, Profile(tool_calls=3, thinking=True)),
    "call alone": ({**_ASK, "tools": _TOOLS}, Profile(tool_calls=1, text="")),
    "length": ({**_ASK, "max_tokens": 5}, Profile()),
    "stop sequence": ({**_ASK, "stop": ["stories"]}, Profile()),
    "empty": (_ASK, Profile(empty=True)),
}


def provided(name: str) -> tuple[bytes, bytes]:
    """A stream of the simulated provider, and the same answer as one document."""
    fields, profile = REQUESTS[name]
    speaker = SPEAKERS[Dialect.OPENAI_CHAT]
    ask = speaker.read(json.dumps(fields).encode())
    answer = compose(ask, profile, 1_790_000_000)
    return b"".join(frame.data for frame in speaker.events(ask, answer)), speaker.document(ask, answer)


def read(parts: Iterable[bytes]) -> list[Piece]:
    """Read a stream that comes in parts."""
    parser, reader = SseParser(), CHAT.reader()
    events = [event for part in parts for event in parser.feed(part)] + parser.finish()
    return [piece for event in events for piece in reader.read(event)]


def chunks(*deltas: dict[str, Any], finish: str | None = None) -> bytes:
    """A stream of these deltas, to its end where it has a reason to finish."""
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    if finish:
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    stream = b"".join(data({"id": "c-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]}) for choice in choices)
    return stream + (DONE if finish else b"")


def data(value: Any) -> bytes:
    """One event."""
    return b"data: %b\n\n" % json.dumps(value).encode()


def called(index: int | None = None, name: str | None = None, arguments: str = "", **more: Any) -> dict[str, Any]:
    """A delta with one call in it."""
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"tool_calls": [{"function": function} | ({} if index is None else {"index": index}) | more]}
