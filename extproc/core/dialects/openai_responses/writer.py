"""Pieces → the events of a stream, and an answer → one response object.

Shapes as in https://platform.openai.com/docs/api-reference/responses-streaming, complete enough for the clients that check them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from extproc.core.answers import Answer, Began, Closed, Counted, Ended, Erred, Grew, Opened, Piece, Signed, Stop, Stopped, pieces_of
from extproc.core.dialects.openai_responses.items import Ids, Json, Told, hexadecimal, is_refusal, told
from extproc.core.vocabulary import Usage
from extproc.core.wire import sse

_CODES = {429: "rate_limit_exceeded"}
_UNASKED: Json = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
}
"""What a response object repeats of its request, which is not known here."""


class Writer:
    """Writes one streamed answer. Usage is always told: there are clients that ask again without end where it is missing."""

    def __init__(self, created_s: int) -> None:
        self._created_s = created_s
        self._id = self._model = ""
        self._ids = Ids("")
        self._number = 0
        """Events so far."""
        self._output: list[Json] = []
        self._open: Told | None = None
        self._growing = b""
        """The event of more text in the open item, as far as the text."""
        self._signature = ""
        self._usage = Usage()
        self._stop = Stop.END
        self._refusal = False
        """The model's refusal stands in a part of its own kind."""
        self._begun = self._over = False

    def write(self, piece: Piece) -> bytes:
        """Give the events of the next piece; a second `Began` says nothing new."""
        if self._over:
            return b""
        if type(piece) is Grew:
            return self._grew(piece)
        begun = b"" if self._begun or isinstance(piece, Began) else self._begin(Began())
        return begun + self._WRITTEN[type(piece)](self, piece)

    def result(self) -> Json:
        """Give the response object of the answer as far as it was written, at its end."""
        status, reason = self._end()
        return self._response(status, incomplete_details={"reason": reason} if reason else None, usage=_usage(self._usage))

    def _begin(self, piece: Began) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        seed = f"{piece.id}/{piece.model}/{self._created_s}"
        self._id = piece.id if piece.id.startswith("resp_") else f"resp_{hexadecimal(seed)}"
        self._model, self._ids = piece.model, Ids(self._id)
        response = self._response("in_progress")
        return self._events([{"type": f"response.{name}", "response": response} for name in ("created", "in_progress")])

    def _opened(self, piece: Opened) -> bytes:
        before = self._close()
        self._refusal = self._refusal or is_refusal(piece)
        self._open, self._signature, self._growing = told(piece, self._ids), "", b""
        return before + self._of_item(self._open.begin() if self._open else [])

    def _grew(self, piece: Grew) -> bytes:
        if self._open is None or not piece.text:
            return b""
        begun = self._open.grow(piece.text)
        if self._open.delta is None:
            return b""
        if not self._growing:
            told = msgspec.json.encode({**self._open.delta, "output_index": len(self._output)})[:-1]
            self._growing = b'event: %b\ndata: %b,"delta":' % (self._open.delta["type"].encode(), told)
        before = self._of_item(begun) if begun else b""
        written = b'%b%b,"sequence_number":%d}\n\n' % (self._growing, msgspec.json.encode(piece.text), self._number)
        self._number += 1
        return before + written

    def _signed(self, piece: Signed) -> bytes:
        self._signature = piece.signature
        return b""

    def _close(self, _: Closed | None = None) -> bytes:
        if self._open is None:
            return b""
        ending = self._open.end(self._signature)
        item = self._open.item()
        written = self._of_item([*ending, {"type": "response.output_item.done", "item": item}])
        self._output.append(item)
        self._open = None
        return written

    def _counted(self, piece: Counted) -> bytes:
        self._usage = piece.usage
        return b""

    def _stopped(self, piece: Stopped) -> bytes:
        self._stop = piece.stop
        return b""

    def _ended(self, _: Ended) -> bytes:
        rest = self._close()
        self._over = True
        return rest + self._events([{"type": f"response.{self._end()[0]}", "response": self.result()}])

    def _erred(self, piece: Erred) -> bytes:
        # What was open stays without an end: it is not whole.
        self._over = True
        return self._events([{"type": "response.failed", "response": self.failure(piece)}])

    def failure(self, error: Erred) -> Json:
        """Give the response object of an answer that failed."""
        return self._response("failed", error={"code": _code(error.status), "message": error.message}, usage=_usage(self._usage))

    def _end(self) -> tuple[str, str | None]:
        """The status of the whole answer, and why it is incomplete."""
        match self._stop:
            case Stop.LENGTH:
                return "incomplete", "max_output_tokens"
            case Stop.REFUSAL if not self._refusal:
                return "incomplete", "content_filter"
            case Stop.OTHER:
                return "incomplete", None
        return "completed", None

    def _response(self, status: str, **more: Any) -> Json:
        head = {"id": self._id, "object": "response", "created_at": self._created_s, "status": status}
        empty = {"error": None, "incomplete_details": None, "usage": None}
        return {**head, "model": self._model, "output": list(self._output), **_UNASKED, **empty, **more}

    def _of_item(self, told: list[Json]) -> bytes:
        return self._events([{**event, "output_index": len(self._output)} for event in told])

    def _events(self, told: list[Json]) -> bytes:
        written = []
        for event in told:
            written.append(sse.event(event["type"], msgspec.json.encode({**event, "sequence_number": self._number})))
            self._number += 1
        return b"".join(written)

    _WRITTEN: ClassVar[Mapping[type[Piece], Callable[[Writer, Any], bytes]]] = {
        Began: _begin,
        Opened: _opened,
        Signed: _signed,
        Closed: _close,
        Counted: _counted,
        Stopped: _stopped,
        Erred: _erred,
        Ended: _ended,
    }


def fold(answer: Answer, created_s: int) -> bytes:
    """Write an answer as one body."""
    writer = Writer(created_s)
    for piece in pieces_of(answer):
        writer.write(piece)
    return msgspec.json.encode(writer.result() if answer.error is None else writer.failure(answer.error))


def failed(status: int, message: str, answer_id: str) -> bytes:
    """Write the event that ends a stream with an error; with a beginning before it where the answer has not begun and so has no id."""
    writer = Writer(0)
    begun = writer.write(Began(answer_id))
    response = {**writer.failure(Erred(status, message)), **({"id": answer_id} if answer_id else {})}
    event = {"type": "response.failed", "response": response, "sequence_number": 2}
    return (b"" if answer_id else begun) + sse.event("response.failed", msgspec.json.encode(event))


def _code(status: int) -> str:
    return _CODES.get(status, "invalid_prompt" if status < 500 else "server_error")


def _usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_input, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


KEEPALIVE = sse.event("keepalive", b'{"type":"keepalive","sequence_number":0}')
"""Not an event of OpenAI's; clients pass over those that they do not know."""
