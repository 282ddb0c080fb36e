"""The three wire APIs behind one contract, and which request is for which. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Protocol

from extproc.core.vocabulary import PATHS, Dialect
from extproc.simulator import anthropic, openai, openai_chat, openai_responses
from extproc.simulator.answer import Answer
from extproc.simulator.ask import Ask, RefusedError
from extproc.simulator.sse import Frame, encode


class Speaker(Protocol):
    """What the module of a dialect can do."""

    def read(self, body: bytes, /) -> Ask:
        """Read a request. RefusedError where a provider would not take it."""

    def document(self, ask: Ask, answer: Answer, /) -> bytes:
        """Give an answer as one JSON body."""

    def events(self, ask: Ask, answer: Answer, /) -> list[Frame]:
        """Give an answer as a stream, to its terminal event."""

    def error_event(self, ask: Ask, answer: Answer, number: int, message: str, /) -> Frame:
        """Give the event that ends a stream with an error, after `number` events."""


SPEAKERS: Mapping[Dialect, Speaker] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
}


class Task(Enum):
    """What a request wants."""

    ANSWER = "answer"
    COUNT = "count"
    MODELS = "models"
    ALIVE = "alive"


_POSTS = {**dict.fromkeys(PATHS, Task.ANSWER), "/v1/messages/count_tokens": Task.COUNT}
_GETS = {"/v1/models": Task.MODELS, "/": Task.ALIVE}
_TASKS = {**_POSTS, **_GETS}
_SPOKEN = {**PATHS, "/v1/messages/count_tokens": Dialect.ANTHROPIC}


def dialect_of(path: str, headers: Mapping[str, str], served: Collection[Dialect]) -> Dialect:
    """The dialect of a request, by its path, or else by its headers; one that is served, as far as possible."""
    spoken = _SPOKEN.get(path)
    if spoken is not None and spoken in served:
        return spoken
    anthropic_headers = "anthropic-version" in headers or "x-api-key" in headers
    wanted = [one for one in served if (one is Dialect.ANTHROPIC) is anthropic_headers]
    return next(iter(wanted or served), Dialect.OPENAI_CHAT)


def task_of(method: str, path: str, served: Collection[Dialect]) -> Task:
    """What a request wants. RefusedError for unknown paths, other methods, and paths of dialects that are not served."""
    known = _TASKS.get(path)
    spoken = _SPOKEN.get(path)
    if known is None or (spoken is not None and spoken not in served):
        raise RefusedError(404, f"Invalid URL ({method} {path[:200]})")
    if method not in ({"POST"} if path in _POSTS else {"GET", "HEAD"}):
        raise RefusedError(405, f"Not allowed to {method} on {path}", code="method_not_supported")
    return known


def error(dialect: Dialect, refused: RefusedError) -> bytes:
    """The body of an error in a dialect."""
    if dialect is Dialect.ANTHROPIC:
        return encode(anthropic.error(refused.status, refused.message))
    return encode(openai.error(refused.status, refused.message, param=refused.param, code=refused.code))


def models(dialect: Dialect, names: Sequence[str]) -> bytes:
    """The list of models in a dialect's form."""
    return anthropic.models(names) if dialect is Dialect.ANTHROPIC else openai.models(names)
