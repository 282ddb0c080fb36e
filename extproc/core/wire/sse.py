"""Server-sent events from bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html), however they are cut.

Lines end at CR, LF or CRLF and nowhere else: U+2028 and U+0085 are ordinary characters inside of JSON. Every event keeps its own
bytes, so that it can be passed on as it came.
"""

from __future__ import annotations

import re

import msgspec

from extproc.core.errors import MalformedError

_BOM = b"\xef\xbb\xbf"
_ENDING = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_MOST = 32 << 20
"""Bytes of one event; answers of a million characters arrive whole in the last event of the Responses dialect."""


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event, or a block without data (a comment, an id), which has nothing to say."""

    name: str
    """Value of its `event` field."""
    data: bytes
    """Its data lines, joined by line feeds."""
    raw: bytes
    """The bytes that it came in, the blank line at its end included."""


class SseParser:
    """Takes bytes as they come and gives the events that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0
        """Bytes of the buffer in which no event ends."""
        self._begun = False

    def feed(self, data: bytes) -> list[SseEvent]:
        """Take the next bytes. MalformedError where one event is larger than any can be."""
        buffer = self._buffer
        buffer += data
        # A line feed may follow a carriage return at the end of what is here, and belong to it.
        usable = len(buffer) - buffer.endswith(b"\r")
        raws, start, at = [], 0, max(0, self._seen - 3)
        while (found := _ENDING.search(buffer, at, usable)) is not None:
            at = found.end()
            raws.append(bytes(buffer[start:at]))
            start = at
        del buffer[:start]
        self._seen = usable - start
        if len(buffer) > _MOST or any(len(raw) > _MOST for raw in raws):
            raise MalformedError("event_too_long")
        return [self._event(raw) for raw in raws]

    def finish(self) -> list[SseEvent]:
        """The bytes have ended: give what was left, which a blank line should have ended. Nothing where nothing was."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._seen = 0
        return [self._event(rest)] if rest else []

    def _event(self, raw: bytes) -> SseEvent:
        block = raw
        if not self._begun:
            self._begun = True
            block = raw.removeprefix(_BOM)
        name, data = "", []
        for line in block.splitlines():
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ").decode("utf-8", "replace")
        return SseEvent(name, data[0] if len(data) == 1 else b"\n".join(data), raw)


def event(name: str, data: bytes) -> bytes:
    """Write an event; without a name there is no `event` field."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data) if name else b"data: %b\n\n" % data


def comment(text: str) -> bytes:
    """Write a comment, which every parser passes over."""
    return f": {text}\n\n".encode()
