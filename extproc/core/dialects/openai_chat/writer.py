"""Pieces → Chat Completions chunks, and a whole answer → one completion."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.answers import Answer, Began, Block, Counted, Ended, Erred, Form, Grew, Opened, Part, Piece, Stop, Stopped
from extproc.core.dialects.base import openai_error
from extproc.core.dialects.openai_chat.shapes import CUSTOM, LEGACY, REFUSAL
from extproc.core.vocabulary import Usage
from extproc.core.wire.sse import event

KEEPALIVE = event(
    "",
    # No id: clients that take the first one they see for the answer's are not misled. Azure begins its streams so.
    b'{"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[{"index":0,"delta":{},"finish_reason":null}]}',
)
"""A chunk that says nothing, and yet refreshes the timers of clients that do not count comments."""
_CHUNK = "chat.completion.chunk"
_DONE = event("", b"[DONE]")
_KINDS = {Form.REFUSAL: REFUSAL, Form.CUSTOM: CUSTOM}
_FINISHES = {
    Stop.END: "stop",
    Stop.SEQUENCE: "stop",
    Stop.CALLS: "tool_calls",
    Stop.LENGTH: "length",
    Stop.REFUSAL: "content_filter",
    # Whatever else stopped the model, the answer may not be all: of the dialect's words only this one says so.
    Stop.OTHER: "length",
}


class ChatWriter:
    """Writes one streamed answer."""

    def __init__(self, created_s: int, *, usage: bool) -> None:
        self._created_s = created_s
        self._tells_usage = usage
        self._head = _head("", _CHUNK, created_s, "")
        """What all chunks begin with."""
        # Where the client asked for usage, every chunk has the field, and only the last one has numbers in it.
        self._tail = b',"usage":null}' if usage else b"}"
        self._open = Opened(Part.TEXT)
        self._growing: tuple[bytes, bytes] | None = None
        """A chunk of more text in the open part, around the text."""
        self._calls = 0
        self._kinds: set[str] = set()
        """What the parts so far were that have a form of their own."""
        self._usage: Usage | None = None
        self._done = False

    def write(self, piece: Piece) -> bytes:
        """Give the chunks of the next piece. After the end always empty."""
        if self._done:
            return b""
        match piece:
            case Grew():
                return self._grown(piece.text)
            case Began():
                self._head, self._growing = _head(piece.id, _CHUNK, self._created_s, piece.model), None
                return self._chunk({"role": "assistant", "content": ""})
            case Opened():
                return self._opened(piece)
            case Counted():
                self._usage = piece.usage
            case Stopped():
                return self._chunk({}, finish_of(piece.stop, self._kinds))
            case Erred():
                self._done = True
                return error_event(piece.status, piece.message)
            case Ended():
                self._done = True
                return self._last() + _DONE
        return b""

    def _opened(self, opened: Opened) -> bytes:
        self._open, self._growing = opened, None
        self._kinds.add(_kind(opened))
        if opened.part is Part.OTHER:
            return self._chunk(opened.raw) if isinstance(opened.raw, dict) else b""
        if opened.part is not Part.CALL:
            return b""
        if _kind(opened) == LEGACY:
            return self._chunk({LEGACY: {"name": opened.name, "arguments": ""}})
        self._calls += 1
        return self._chunk({"tool_calls": [{"index": self._calls - 1, **_call(opened, "")}]})

    def _parted(self) -> tuple[bytes, bytes]:
        """Give the chunk of more text in the open part, in front of the text and behind it; nothing where it has no text."""
        before, after = b"", b"}"
        match self._open.part, _kind(self._open):
            case Part.THINKING, _:
                before = b'"reasoning_content":'
            case Part.TEXT, kind:
                before = b'"refusal":' if kind == REFUSAL else b'"content":'
            case Part.CALL, kind if kind == LEGACY:
                before, after = b'"function_call":{"arguments":', b"}}"
            case Part.CALL, kind:
                inner = b'"custom":{"input":' if kind == CUSTOM else b'"function":{"arguments":'
                before, after = b'"tool_calls":[{"index":%d,%b' % (self._calls - 1, inner), b"}}]}"
            case _:
                return b"", b""
        head = b'data: %b,"choices":[{"index":0,"delta":{%b' % (self._head, before)
        return head, b'%b,"logprobs":null,"finish_reason":null}]%b\n\n' % (after, self._tail)

    def _grown(self, text: str) -> bytes:
        if not self._growing:
            self._growing = self._parted()
        before, after = self._growing
        return b"%b%b%b" % (before, msgspec.json.encode(text), after) if before else b""

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event("", b'%b,"choices":[%b]%b' % (self._head, msgspec.json.encode(choice), self._tail))

    def _last(self) -> bytes:
        if not self._tells_usage or self._usage is None:
            return b""
        return event("", b'%b,"choices":[],"usage":%b}' % (self._head, msgspec.json.encode(_usage(self._usage))))


def fold(answer: Answer, created_s: int) -> bytes:
    """Write an answer as one completion."""
    kinds = {_kind(block) for block in answer.blocks}
    finish = finish_of(answer.stop, kinds) if answer.stop else None
    choice = {"index": 0, "message": _message(answer), "logprobs": None, "finish_reason": finish}
    usage = b',"usage":%b' % msgspec.json.encode(_usage(answer.usage)) if answer.usage else b""
    return b'%b,"choices":[%b]%b}' % (
        _head(answer.id, "chat.completion", created_s, answer.model),
        msgspec.json.encode(choice),
        usage,
    )


def finish_of(stop: Stop, kinds: set[str]) -> str:
    """Give the `finish_reason`. A refusal in words is an end like others, and the older calls have a reason of their own."""
    if stop is Stop.REFUSAL and REFUSAL in kinds:
        return "stop"
    return LEGACY if stop is Stop.CALLS and LEGACY in kinds else _FINISHES[stop]


def error_event(status: int, message: str) -> bytes:
    """Write the event that ends a stream with an error; there is no `[DONE]` behind it."""
    return event("", openai_error(status, message))


def _message(answer: Answer) -> dict[str, Any]:
    plain, refusal, thought = [
        "".join([block.text for block in answer.blocks if block.part is part and (_kind(block) == REFUSAL) is refused])
        for part, refused in ((Part.TEXT, False), (Part.TEXT, True), (Part.THINKING, False))
    ]
    # Where calls or a refusal are the answer, no text is null; else it is an empty text.
    content = plain or (None if answer.calls or refusal else "")
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal or None}
    if thought:
        message["reasoning_content"] = thought
    if calls := [_call(block, block.text) for block in answer.calls if _kind(block) != LEGACY]:
        message["tool_calls"] = calls
    for block in answer.calls:
        if _kind(block) == LEGACY:
            message[LEGACY] = {"name": block.name, "arguments": block.text}
    others = [block.raw for block in answer.blocks if block.part is Part.OTHER and isinstance(block.raw, dict)]
    if annotations := [one for other in others for one in other.get("annotations", ())]:
        message["annotations"] = annotations
    return message


def _kind(part: Opened | Block) -> str:
    """What a part is that has a form of its own: as this dialect's reader tells it, or as all dialects do."""
    return part.raw if isinstance(part.raw, str) else _KINDS.get(part.form, "")


def _call(call: Opened | Block, text: str) -> dict[str, Any]:
    if _kind(call) == CUSTOM:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": text}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": text}}


def _head(name: str, kind: str, created_s: int, model: str) -> bytes:
    """The beginning of a chunk or a completion, still open for more."""
    return msgspec.json.encode({"id": name, "object": kind, "created": created_s, "model": model})[:-1]


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
