"""Chat Completions answers → pieces (https://platform.openai.com/docs/api-reference/chat-streaming).

A whole answer is read as one chunk: its message has the keys of a delta. What servers other than OpenAI's add is read as well,
as far as several of them do: thoughts, errors in a stream, calls without an index or with the same one for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from extproc.core.answers import Began, Closed, Counted, Ended, Erred, Form, Grew, Opened, Part, Piece, Stop, Stopped
from extproc.core.dialects.base import OBJECT
from extproc.core.dialects.openai_chat.shapes import CHUNK, CUSTOM, LEGACY, OUTLINE, REFUSAL, Call, Choice, Chunk, Completion, Prompt, Used
from extproc.core.errors import MalformedError
from extproc.core.vocabulary import Usage
from extproc.core.wire.splice import readable
from extproc.core.wire.sse import SseEvent

T = TypeVar("T")

_STOPS = {
    "stop": Stop.END,
    "tool_calls": Stop.CALLS,
    "function_call": Stop.CALLS,
    "length": Stop.LENGTH,
    "content_filter": Stop.REFUSAL,
}
_FORMS = {None: Form.PLAIN, LEGACY: Form.PLAIN, REFUSAL: Form.REFUSAL, CUSTOM: Form.CUSTOM}
_STATUSES = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "service_unavailable": 503,
    "overloaded_error": 503,
}


class ChatReader:
    """Reads one answer."""

    def __init__(self) -> None:
        self._began = self._stopped = self._done = False
        self._refused = self._called = False
        self._open: tuple[Part, Any] | None = None
        """The open part and its `raw`."""
        self._index: int | None = None
        self._id = ""
        """Of the open call."""
        self._seen: set[int | str] = set()
        """Indices and ids of all calls so far."""

    def read(self, event: SseEvent) -> list[Piece]:
        """Give the pieces of the next event. MalformedError where it is not JSON, or goes on with what has ended."""
        if self._done or not event.data:
            return []
        if event.data.lstrip().startswith(b"[DONE]"):
            return self.end()
        return self.take(_decoded(CHUNK, event.data), event.data, failed=event.name == "error")

    def take(self, chunk: Chunk, data: bytes, *, failed: bool = False) -> list[Piece]:
        """Give the pieces of a chunk. `failed`: it is an error, whatever its form."""
        if failed or chunk.error or chunk.object == "error":
            self._done = True
            return [_erred(chunk.error or _decoded(OBJECT, data))]
        said: list[Piece] = []
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice, said)
        if not self._began and (said or chunk.id):
            self._began = True
            said.insert(0, Began(chunk.id or "", chunk.model or ""))
        if chunk.usage is not None:
            said.append(Counted(_counted(chunk.usage)))
        return said

    def end(self) -> list[Piece]:
        """Give the pieces of the answer's end."""
        said: list[Piece] = []
        self._close(said)
        self._done = True
        return [*said, Ended()]

    def _choice(self, choice: Choice, said: list[Piece]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            # Some servers send a thought under both keys at once.
            if thought := delta.reasoning_content or delta.reasoning:
                self._text(Part.THINKING, None, thought, said)
            if delta.content:
                self._text(Part.TEXT, None, delta.content, said)
            if delta.refusal:
                self._text(Part.TEXT, REFUSAL, delta.refusal, said)
            for call in delta.tool_calls or ():
                self._call(call, CUSTOM if call.custom else None, said)
            older = delta.function_call
            if older is not None and (older.name or older.arguments):
                self._call(Call(-1, None, older), LEGACY, said)
            if delta.annotations:
                self._begin(Opened(Part.OTHER, raw={"annotations": delta.annotations}), said)
        if choice.finish_reason and not self._stopped:
            self._close(said)
            self._stopped = True
            said.append(Stopped(self._stop(choice.finish_reason)))

    def _stop(self, reason: str) -> Stop:
        stop = _STOPS.get(reason, Stop.OTHER)
        if stop is Stop.END:
            return Stop.REFUSAL if self._refused else Stop.CALLS if self._called else stop
        return stop

    def _text(self, part: Part, raw: str | None, text: str, said: list[Piece]) -> None:
        if self._open != (part, raw):
            self._begin(Opened(part, raw=raw, form=_FORMS[raw]), said)
            self._refused = self._refused or raw == REFUSAL
        said.append(Grew(text))

    def _call(self, call: Call, raw: str | None, said: list[Piece]) -> None:
        name = (call.custom.name if call.custom else call.function.name if call.function else "") or ""
        text = (call.custom.input if call.custom else call.function.arguments if call.function else "") or ""
        if not self._goes_on(call, name):
            key = call.id or call.index
            if key in self._seen:
                raise MalformedError("call_out_of_order")
            if not name:
                raise MalformedError("call_without_name")
            self._begin(Opened(Part.CALL, call.id or "", name, raw, _FORMS[raw]), said)
            self._called, self._index, self._id = True, call.index, call.id or ""
            self._seen.update([one for one in (call.id, call.index) if one is not None])
        if text:
            said.append(Grew(text))

    def _goes_on(self, call: Call, name: str) -> bool:
        """Whether a delta is more of the open call. Ollama gives all calls one index, Gemini none: there the id or name tells."""
        if self._open is None or self._open[0] is not Part.CALL:
            return False
        if call.index is not None and call.index != self._index:
            return False
        if call.id:
            return call.id == self._id
        return call.index is not None or not name

    def _begin(self, opened: Opened, said: list[Piece]) -> None:
        if self._stopped:
            raise MalformedError("part_after_stop")
        self._close(said)
        self._open = (opened.part, opened.raw)
        said.append(opened)

    def _close(self, said: list[Piece]) -> None:
        if self._open is not None:
            self._open = None
            said.append(Closed())


def whole(body: bytes) -> list[Piece]:
    """Read an answer that is not streamed. MalformedError where it is none."""
    chunk = _decoded(CHUNK, body)
    messages = [choice.message for choice in chunk.choices or () if not choice.index]
    for message in filter(None, messages):
        _number(message.tool_calls or ())
    reader = ChatReader()
    said = reader.take(chunk, body)
    if any(isinstance(piece, Erred) for piece in said):
        return said
    if not any(messages):
        raise MalformedError("no_message")
    return said + reader.end()


def shown(event: SseEvent, *, usage: bool) -> bytes:
    """Give the bytes of an event; none of a chunk that only tells a usage for which the client did not ask."""
    if usage or b'"usage"' not in event.data:
        return event.raw
    try:
        outline = OUTLINE.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event.raw
    return event.raw if outline.choices or bytes(outline.usage) == b"null" else b""


def _number(calls: Sequence[Call]) -> None:
    """Give the calls of a message the indices that they have in a stream: each is one of its own."""
    for index, call in enumerate(calls):
        call.index = index


def _decoded(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise MalformedError("unexpected_json") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decoder.decode(readable(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedError("not_json") from None


def _counted(usage: Used) -> Usage:
    prompt = usage.prompt_tokens_details or Prompt()
    completion = usage.completion_tokens_details or Completion()
    return Usage(
        input=usage.prompt_tokens or 0,
        output=usage.completion_tokens or 0,
        cached_input=prompt.cached_tokens or 0,
        cache_write=prompt.cache_write_tokens or 0,
        reasoning=completion.reasoning_tokens or 0,
    )


def _erred(told: Any) -> Erred:
    """Read an error: OpenAI's object, or only its text."""
    if not isinstance(told, dict):
        return Erred(500, told if isinstance(told, str) else "")
    message = told.get("message")
    return Erred(_status(told), message if isinstance(message, str) else "")


def _status(told: dict[str, Any]) -> int:
    for word in (told.get("code"), told.get("type")):
        if isinstance(word, int) and 400 <= word < 600:
            return word
        if isinstance(word, str) and word in _STATUSES:
            return _STATUSES[word]
    return 500
