"""The answer of one side call as it comes in: what of it the client may see, and what it says.

A streamed answer comes event by event, another one whole at its end; whoever uses an intake need not know which it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from extproc.core.answers import Answer, Ended, Gathering, Piece
from extproc.core.dialects.contract import DialectSpec
from extproc.core.errors import MalformedError
from extproc.core.events import Headers
from extproc.core.vocabulary import Dialect
from extproc.core.wire.inflate import Inflater
from extproc.core.wire.sse import SseEvent, SseParser

_MOST = 32 << 20
"""Bytes of one whole answer; more than any model writes."""
_MOST_STREAMED = 256 << 20
"""The same for a stream, whose every token is wrapped in some hundred bytes."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """What came at once: an event, or a whole body."""

    shown: bytes
    """For the client."""
    pieces: list[Piece]


class Intake(Protocol):
    """Takes the body of an answer. Both methods raise MalformedError where it is not what it says, behind the items before that place."""

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take the next bytes."""

    def finish(self) -> Iterator[Item]:
        """The body has ended."""

    def answer(self) -> Answer:
        """Give what has been understood so far."""


def intake_for(spec: DialectSpec, headers: Headers, *, stream: bool, usage: bool) -> Intake:
    """Begin to take an answer in. `usage`: the client wants to see a stream's usage. MalformedError where the answer cannot be read."""
    inflater = Inflater(headers.get("content-encoding").strip().lower(), _MOST_STREAMED if stream else _MOST)
    if not stream:
        return _Whole(spec, inflater)
    if not headers.get("content-type").strip().lower().startswith("text/event-stream"):
        raise MalformedError("no_event_stream")
    return _Stream(spec, inflater, usage=usage)


class _Stream:
    """A streamed answer."""

    def __init__(self, spec: DialectSpec, inflater: Inflater, *, usage: bool) -> None:
        self._spec = spec
        self._inflater = inflater
        self._usage = usage
        self._parser = SseParser()
        self._reader = spec.reader()
        self._gathering = Gathering()
        self._left = _MOST_STREAMED

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take the next bytes."""
        plain = self._inflater.feed(data)
        self._left -= len(plain)
        if self._left < 0:
            raise MalformedError("too_large")
        for event in self._parser.feed(plain):
            yield self._item(event)

    def finish(self) -> Iterator[Item]:
        """The body has ended: what is left should be nothing."""
        rest = self._inflater.finish()
        for event in (*self._parser.feed(rest), *self._parser.finish()):
            yield self._item(event)
        if self._spec.name is Dialect.OPENAI_CHAT and self._gathering.answer().stop is not None:
            # Not every server of this dialect sends its last event; the reason to stop says as much.
            self._gathering.take([Ended()])

    def answer(self) -> Answer:
        """Give what has been understood so far."""
        return self._gathering.answer()

    def _item(self, event: SseEvent) -> Item:
        pieces = self._reader.read(event)
        self._gathering.take(pieces)
        return Item(self._spec.shown(event, usage=self._usage), pieces)


class _Whole:
    """An answer that comes as one body."""

    def __init__(self, spec: DialectSpec, inflater: Inflater) -> None:
        self._spec = spec
        self._inflater = inflater
        self._parts: list[bytes] = []
        self._gathering = Gathering()

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take the next bytes; they say nothing before the last."""
        self._parts.append(self._inflater.feed(data))
        yield from ()

    def finish(self) -> Iterator[Item]:
        """The body has ended."""
        body = b"".join((*self._parts, self._inflater.finish()))
        pieces = self._spec.whole(body)
        self._gathering.take(pieces)
        yield Item(body, pieces)

    def answer(self) -> Answer:
        """Give what has been understood."""
        return self._gathering.answer()
