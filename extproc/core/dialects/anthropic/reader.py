"""Answers of Anthropic Messages, read: streams (https://docs.anthropic.com/en/docs/build-with-claude/streaming) and whole bodies.

Each event is decoded at once to the type that it names, and of it only what is needed. Events, deltas and fields that are not known
say nothing; blocks that are not known are kept as they are.
"""

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
    Grew,
    Opened,
    Part,
    Piece,
    Signed,
    Stop,
    Stopped,
    pieces_of,
)
from extproc.core.dialects.anthropic.errors import status_of
from extproc.core.dialects.anthropic.shapes import (
    BODY,
    EVENT,
    KNOWN,
    TEXT,
    THINKING,
    TOOL_USE,
    TYPED,
    BlockDelta,
    BlockStart,
    BlockStop,
    Counts,
    Details,
    Error,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
)
from extproc.core.dialects.base import OBJECT
from extproc.core.errors import MalformedError
from extproc.core.vocabulary import Usage
from extproc.core.wire.sse import SseEvent

_ODD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_STOPS = {
    "end_turn": Stop.END,
    "tool_use": Stop.CALLS,
    "stop_sequence": Stop.SEQUENCE,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "refusal": Stop.REFUSAL,
}
_GROWS = {
    "text_delta": Part.TEXT,
    "thinking_delta": Part.THINKING,
    "signature_delta": Part.THINKING,
    "input_json_delta": Part.CALL,
}
"""The deltas that are understood → the part that each may be in."""


class Reader:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._began = self._over = False
        self._open: Block | None = None
        """The open block as it began."""
        self._index = -1
        self._grown = False
        self._usage = Counts()

    def read(self, event: SseEvent) -> list[Piece]:
        """Give the pieces of the next event; none once the answer is over.

        Raises:
            MalformedError: the event is not JSON, lacks what it must have, or stands where none like it may.
        """
        if self._over or not event.data:
            return []
        try:
            return self._pieces(event)
        except msgspec.ValidationError:
            raise MalformedError("unexpected_json") from None
        except _ODD:
            raise MalformedError("not_json") from None

    def _pieces(self, event: SseEvent) -> list[Piece]:
        found = _decoded(event)
        if isinstance(found, BlockDelta):
            return self._delta(found, event.data)
        if found is None:
            return []
        if isinstance(found, MessageStart) is self._began and not isinstance(found, Error):
            raise MalformedError("event_out_of_order")
        match found:
            case BlockStart():
                return self._block_start(found)
            case BlockStop():
                return self._close() if found.index == self._index else []
            case MessageStart():
                self._began = True
                return [Began(found.message.id, found.message.model), *self._counted(found.message.usage)]
            case MessageDelta():
                stop = _stopped(found.delta.stop_reason, found.delta.stop_sequence)
                return [*(self._close() if stop else []), *self._counted(found.usage), *stop]
            case MessageStop():
                self._over = True
                return [*self._close(), Ended()]
            case Error():
                self._over = True
                return [Erred(status_of(found.error.type), found.error.message)]

    def _block_start(self, found: BlockStart) -> list[Piece]:
        pieces = self._close()
        block = _block(found.content_block)
        self._open, self._index, self._grown = block, found.index, False
        pieces.append(Opened(block.part, block.id, block.name, block.raw))
        if block.part is not Part.CALL:  # a call's input comes in deltas; what stands here counts only where none come
            pieces += _contents(block)
        return pieces

    def _delta(self, found: BlockDelta, data: bytes) -> list[Piece]:
        if self._open is None or found.index != self._index:
            raise MalformedError("delta_without_block")
        delta, part = found.delta, self._open.part
        if part is Part.OTHER:
            return [Grew(msgspec.json.encode(OBJECT.decode(data)["delta"]).decode() + "\n")]
        if _GROWS.get(delta.type, part) is not part:
            raise MalformedError("delta_of_another_block")
        if delta.signature:
            return [Signed(delta.signature)]
        text = delta.text or delta.partial_json or delta.thinking
        if not text or delta.type not in _GROWS:
            return []
        self._grown = True
        return [Grew(text)]

    def _close(self) -> list[Piece]:
        block, self._open, self._index = self._open, None, -1
        if block is None:
            return []
        if block.part is Part.CALL and not self._grown:
            return [Grew(block.text), Closed()]
        return [Closed()]

    def _counted(self, told: Counts | None) -> list[Piece]:
        """The counts are cumulative; those that are null stay as they were."""
        if told is None:
            return []
        before = msgspec.structs.astuple(self._usage)
        now = msgspec.structs.astuple(told)
        self._usage = Counts(*[old if new is None else new for old, new in zip(before, now, strict=True)])
        return [Counted(_usage(self._usage))]


def whole(body: bytes) -> list[Piece]:
    """Read an answer that is not streamed. MalformedError where the body is none."""
    try:
        told = BODY.decode(body)
        blocks = tuple([_block(raw) for raw in told.content])
    except msgspec.ValidationError:
        raise MalformedError("unexpected_json") from None
    except _ODD:
        raise MalformedError("not_json") from None
    stopped = _stopped(told.stop_reason, told.stop_sequence)
    counted = [] if told.usage is None else [Counted(_usage(told.usage))]
    began, *rest = pieces_of(Answer(told.id, told.model, blocks))
    return [began, *counted, *rest, *stopped, Ended()]


def _decoded(event: SseEvent) -> Event | None:
    """Decode an event; None for one that is not known, such as a ping."""
    if event.name == "ping":
        return None
    try:
        found: Event = EVENT.decode(event.data)
    except msgspec.ValidationError:
        if event.name in KNOWN or TYPED.decode(event.data).type in KNOWN:
            raise
        return None
    return found


def _block(raw: msgspec.Raw) -> Block:
    """Read a content block with all that it already has."""
    match TYPED.decode(raw).type:
        case "text":
            return Block(Part.TEXT, TEXT.decode(raw).text)
        case "thinking":
            thinking = THINKING.decode(raw)
            return Block(Part.THINKING, thinking.thinking, signature=thinking.signature)
        case "tool_use":
            call = TOOL_USE.decode(raw)
            return Block(Part.CALL, bytes(call.input).decode(), call.id, call.name)
    kept: dict[str, Any] = OBJECT.decode(raw)
    return Block(Part.OTHER, raw=kept)


def _contents(block: Block) -> list[Piece]:
    text: list[Piece] = [Grew(block.text)] if block.text else []
    return [*text, Signed(block.signature)] if block.signature else text


def _stopped(reason: str | None, sequence: str | None) -> list[Piece]:
    return [Stopped(_STOPS.get(reason, Stop.OTHER), sequence or "")] if reason else []


def _usage(told: Counts) -> Usage:
    """Count in OpenAI's way: Anthropic's buckets of input are apart from each other."""
    cached, written = told.cache_read_input_tokens or 0, told.cache_creation_input_tokens or 0
    details = told.output_tokens_details or Details()
    return Usage(
        input=(told.input_tokens or 0) + cached + written,
        output=told.output_tokens or 0,
        cached_input=cached,
        cache_write=written,
        reasoning=details.thinking_tokens or 0,
    )
