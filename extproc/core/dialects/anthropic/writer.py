"""Answers, written as Anthropic Messages has them: as a stream of events, or as one body."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.answers import (
    Answer,
    Began,
    Block,
    Closed,
    Counted,
    Ended,
    Erred,
    Form,
    Grew,
    Opened,
    Part,
    Piece,
    Signed,
    Stop,
    Stopped,
)
from extproc.core.dialects.anthropic.errors import error_event
from extproc.core.dialects.base import OBJECT
from extproc.core.dialects.offering import free_arguments, object_of
from extproc.core.vocabulary import Usage
from extproc.core.wire.sse import event

_REASONS = {
    Stop.END: "end_turn",
    Stop.CALLS: "tool_use",
    Stop.SEQUENCE: "stop_sequence",
    Stop.LENGTH: "max_tokens",
    Stop.REFUSAL: "refusal",
    Stop.OTHER: "pause_turn",
}
_NO_USAGE = Usage()
_GROWING = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
_DELTAS = {
    Part.TEXT: b'{"type":"text_delta","text":',
    Part.THINKING: b'{"type":"thinking_delta","thinking":',
    Part.CALL: b'{"type":"input_json_delta","partial_json":',
}
"""Of each part: its delta, as far as the text."""


class Writer:
    """Writes one streamed answer.

    `message_start` waits for the first count, which it carries, or for the first block, whichever comes first; the count that
    `message_delta` carries may come last of all, so that event waits for the end.
    """

    def __init__(self) -> None:
        self._head: Began | None = None
        self._usage: Usage | None = None
        self._started = self._over = False
        self._index = 0
        self._part = Part.TEXT
        self._growing = b""
        """The event of more text in the open block, as far as the text."""
        self._empty = True
        """Nothing of the open block's text was written yet."""
        self._free: list[str] | None = None
        """What came of the open call's input, where that is free text: it becomes JSON when it is whole."""
        self._stopped: Stopped | None = None

    def write(self, piece: Piece) -> bytes:
        """Give the events of the next piece; empty where there is nothing to tell yet, and after `Ended` or `Erred`."""
        if self._over:
            return b""
        match piece:
            case Grew():
                return self._more(piece.text)
            case Began():
                self._head = piece
                return self._start() if self._usage is not None else b""
            case Counted():
                self._usage = piece.usage
                return self._start() if self._head is not None else b""
            case Stopped():
                self._stopped = piece
                return b""
            case Ended():
                self._over = True
                return self._start() + self._end()
            case Erred():
                self._over = True
                return error_event(piece.status, piece.message)
        return self._block(piece)

    def _block(self, piece: Opened | Signed | Closed) -> bytes:
        match piece:
            case Opened():
                return self._start() + self._opened(piece)
            case Signed() if self._part is Part.THINKING:
                return self._delta(b'{"type":"signature_delta","signature":%b}' % msgspec.json.encode(piece.signature))
            case Signed():
                return b""
        rest = b""
        if self._free is not None:
            rest = self._grown(str(free_arguments("".join(self._free)), "utf-8"))
        elif self._part is Part.CALL and self._empty:
            rest = self._grown("{}")
        end = _event({"type": "content_block_stop", "index": self._index})
        self._index += 1
        return rest + end

    def _opened(self, piece: Opened) -> bytes:
        self._part, self._empty = piece.part, True
        self._free = [] if piece.form is Form.CUSTOM else None
        self._growing = _GROWING % self._index + _DELTAS.get(piece.part, b"")
        block = {
            "type": "content_block_start",
            "index": self._index,
            "content_block": _shape(Block(piece.part, "", piece.id, piece.name, "", piece.raw)),
        }
        return _event(block) + (self._grown("") if piece.part is Part.CALL else b"")

    def _more(self, text: str) -> bytes:
        if self._free is not None:
            self._free.append(text)
            return b""
        self._empty = False
        return self._grown(text)

    def _grown(self, text: str) -> bytes:
        if self._part is Part.OTHER:
            return b"".join([self._delta(line.encode()) for line in _lines(text)])
        return b"%b%b}}\n\n" % (self._growing, msgspec.json.encode(text))

    def _delta(self, delta: bytes) -> bytes:
        return b"%b%b}\n\n" % (_GROWING % self._index, delta)

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        head = self._head or Began()
        message = _message(head.id, head.model, [], None, "", self._usage)
        return _event({"type": "message_start", "message": message})

    def _end(self) -> bytes:
        stopped = self._stopped
        end = _stop(stopped.stop, stopped.sequence) if stopped is not None else _stop(None, "")
        told = _event({"type": "message_delta", "delta": end, "usage": _counts(self._usage)})
        return told + _event({"type": "message_stop"})


def fold(answer: Answer) -> bytes:
    """Write an answer as one body. A call whose input is no JSON object keeps it under `INVALID_JSON`, as Anthropic advises clients to."""
    content = [_shape(block) for block in answer.blocks]
    return msgspec.json.encode(_message(answer.id, answer.model, content, answer.stop, answer.sequence, answer.usage))


def _event(data: dict[str, Any]) -> bytes:
    return event(data["type"], msgspec.json.encode(data))


def _message(id_: str, model: str, content: list[Any], stop: Stop | None, sequence: str, usage: Usage | None) -> dict[str, Any]:
    return {
        "id": id_,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        **_stop(stop, sequence),
        "usage": _counts(usage),
    }


def _stop(stop: Stop | None, sequence: str) -> dict[str, str | None]:
    return {"stop_reason": None if stop is None else _REASONS[stop], "stop_sequence": sequence or None}


def _counts(usage: Usage | None) -> dict[str, Any]:
    """Count in Anthropic's way: the buckets of input are apart from each other."""
    usage = usage or _NO_USAGE
    counts: dict[str, Any] = {
        "input_tokens": max(0, usage.input - usage.cached_input - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached_input,
        "output_tokens": usage.output,
    }
    return {**counts, "output_tokens_details": {"thinking_tokens": usage.reasoning}} if usage.reasoning else counts


def _shape(block: Block) -> dict[str, Any]:
    """A content block with all that it has."""
    match block.part:
        case Part.TEXT:
            return {"type": "text", "text": block.text}
        case Part.THINKING:
            return {"type": "thinking", "thinking": block.text, "signature": block.signature}
        case Part.CALL:
            given = free_arguments(block.text) if block.form is Form.CUSTOM else object_of(block.text)
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": given}
    return _grown(block)


def _grown(block: Block) -> dict[str, Any]:
    """A block that only the dialect knows, with what its deltas added: JSON to its input, text to its texts."""
    shape: dict[str, Any] = dict(block.raw)
    given = ""
    for line in _lines(block.text):
        for key, value in OBJECT.decode(line).items():
            if key == "partial_json":
                given += value
            elif key != "type":
                before = shape.get(key)
                shape[key] = before + value if isinstance(before, str) and isinstance(value, str) else value
    return {**shape, "input": object_of(given)} if given else shape


def _lines(text: str) -> list[str]:
    """The deltas of a block that only the dialect knows: one JSON object a line."""
    return [line for line in text.split("\n") if line]
