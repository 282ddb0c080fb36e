"""Answers of every dialect, and the way that they go to the others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from extproc.core.answers import Answer, Block, Form, Part, Piece, Stop, pieces_of
from extproc.core.conversation import Tool
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.crossing import Crossing
from extproc.core.vocabulary import Dialect, Usage
from extproc.core.wire.sse import SseParser
from tests.core.dialects.anthropic import made as messages
from tests.core.dialects.openai_chat import made as chat
from tests.core.dialects.openai_responses import made as responses

_TOOLS: Mapping[Dialect, tuple[Tool, ...]] = {
    Dialect.ANTHROPIC: (Tool("exec"), Tool("files__look")),
    Dialect.OPENAI_CHAT: (Tool("exec"), Tool("files__look")),
    Dialect.OPENAI_RESPONSES: (
        Tool("exec", custom=True, own_name="exec", raw={"type": "custom_tool_call"}),
        Tool("files__look", own_name="look", raw={"namespace": "files"}),
    ),
}
"""What the clients of a dialect offer: the same, as each may have it."""
_TOLD = Usage(100, 20, 60, 10, 5)
_MADE: Mapping[str, Answer] = {
    "refusal": Answer("x-1", "m", (Block(Part.TEXT, "I cannot.", form=Form.REFUSAL),), Stop.REFUSAL, "", _TOLD, ended=True),
    "parallel": Answer(
        "x-2",
        "m",
        (
            Block(Part.THINKING, "Hm.", signature="of the provider's own"),
            Block(Part.TEXT, "I look."),
            Block(Part.CALL, '{"path":"a"}', "functions.look:0", "files__look"),
            Block(Part.CALL, '{"input":"ls -l"}', "functions.exec:1", "exec"),
            Block(Part.CALL, "{}", "call_3", "not_offered"),
        ),
        Stop.CALLS,
        "",
        _TOLD,
        ended=True,
    ),
    "silent": Answer("x-3", "m", (), Stop.END, "", _TOLD, ended=True),
    "hosted": Answer(
        "x-4",
        "m",
        (Block(Part.OTHER, raw={"type": "web_search_call", "id": "ws"}), Block(Part.TEXT, "So.")),
        Stop.END,
        "",
        _TOLD,
        ended=True,
    ),
}
_PROVIDED: Mapping[Dialect, Mapping[str, tuple[bytes, bytes]]] = {
    Dialect.ANTHROPIC: messages.ANSWERS,
    Dialect.OPENAI_CHAT: {name: chat.provided(name) for name in chat.REQUESTS},
    Dialect.OPENAI_RESPONSES: {name: responses.simulated(**fields) for name, fields in responses.KINDS.items()},
}
PAIRS = [(source, target) for source in Dialect for target in Dialect if source is not target]
SAMPLES = [(source, target, name) for source, target in PAIRS for name in (*_PROVIDED[source], *_MADE)]

_EVENTS: Mapping[Dialect, TypeAdapter[Any]] = {
    Dialect.ANTHROPIC: TypeAdapter(RawMessageStreamEvent),
    Dialect.OPENAI_CHAT: TypeAdapter(ChatCompletionChunk),
    Dialect.OPENAI_RESPONSES: TypeAdapter(ResponseStreamEvent),
}
_WHOLE: Mapping[Dialect, TypeAdapter[Any]] = {
    Dialect.ANTHROPIC: TypeAdapter(Message),
    Dialect.OPENAI_CHAT: TypeAdapter(ChatCompletion),
    Dialect.OPENAI_RESPONSES: TypeAdapter(Response),
}


def provided(source: Dialect, name: str) -> tuple[bytes, bytes]:
    """A sample answer of a dialect, as a stream and as a document."""
    if name in _PROVIDED[source]:
        return _PROVIDED[source][name]
    writer = DIALECTS[source].writer(7)
    answer = _MADE[name]
    return b"".join([writer.write(piece) for piece in pieces_of(answer)]), DIALECTS[source].fold(answer, 7)


def read(source: Dialect, chunks: Iterable[bytes]) -> list[Piece]:
    """The pieces of a stream."""
    parser, reader = SseParser(), DIALECTS[source].reader()
    return [piece for chunk in chunks for event in parser.feed(chunk) for piece in reader.read(event)]


def crossed(target: Dialect, pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces as another dialect is told them."""
    return Crossing(_TOOLS[target]).take([*pieces])


def written(target: Dialect, pieces: Iterable[Piece]) -> bytes:
    """The pieces as a stream."""
    writer = DIALECTS[target].writer(7)
    return b"".join([writer.write(piece) for piece in pieces])


def checked(target: Dialect, stream: bytes) -> None:
    """Hold every event against the types of the official SDK."""
    for event in SseParser().feed(stream):
        if event.data and event.data != b"[DONE]":
            _EVENTS[target].validate_python(json.loads(event.data))


def checked_whole(target: Dialect, body: bytes) -> None:
    """Hold a document against them."""
    _WHOLE[target].validate_python(json.loads(body))


def words(answer: Answer, part: Part) -> str:
    """All that an answer says in parts of a kind."""
    return "\n\n".join([block.text for block in answer.blocks if block.part is part and block.text])


def arguments(text: str) -> Any:
    """Arguments to compare: order and spaces mean nothing."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text
