"""Header blocks, put together from HEADERS and CONTINUATION (RFC 9113, sections 4.3 and 6.10)."""

from __future__ import annotations

from typing import NamedTuple

from extproc.shell.native.http2 import frames, limits
from extproc.shell.native.http2.errors import Code, ConnectionFault
from extproc.shell.native.http2.frames import END_HEADERS, END_STREAM, HAS_PRIORITY, Bytes


class Block(NamedTuple):
    """A whole header block."""

    stream_id: int
    content: bytes
    ends: bool
    """The peer sends nothing more on this stream."""


class Assembler:
    """Waits for the end of a block; nothing else may come in between."""

    __slots__ = ("_begun", "_content", "_number", "_stream_id")

    def __init__(self) -> None:
        self._stream_id = 0
        self._begun = 0
        self._content = bytearray()
        self._number = 0

    def headers(self, flags: int, stream_id: int, payload: Bytes) -> Block | None:
        """Take HEADERS. Gives the block when this is all of it. Priority is passed over."""
        if not stream_id & 1:
            raise ConnectionFault(Code.PROTOCOL_ERROR, f"HEADERS on stream {stream_id}")
        payload = frames.unpadded(stream_id, flags, payload)
        if flags & HAS_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, "HEADERS without its priority")
            payload = payload[5:]
        if flags & END_HEADERS:
            return _whole(stream_id, flags, payload)
        self._stream_id, self._begun, self._content, self._number = stream_id, flags, bytearray(payload), 1
        return None

    def continuation(self, flags: int, stream_id: int, payload: Bytes) -> Block | None:
        """Take CONTINUATION. Gives the block when this is its end."""
        if stream_id != self._stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "CONTINUATION of another stream")
        self._content += payload
        self._number += 1
        if self._number > limits.CONTINUATIONS:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "a header block in too many frames")
        block = _whole(stream_id, self._begun, self._content)  # also when it is not: its length is held against the limit
        return block if flags & END_HEADERS else None


def _whole(stream_id: int, flags: int, content: Bytes | bytearray) -> Block:
    if len(content) > limits.FIELD_BYTES:
        raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "a header block that is too long")
    return Block(stream_id, bytes(content), flags & END_STREAM != 0)
