"""Bytes ⇄ frames (RFC 9113, section 4 and 6)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from extproc.shell.native.http2 import limits
from extproc.shell.native.http2.errors import Code, ConnectionFault

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Bytes = bytes | memoryview
Frame = tuple[int, int, int, Bytes]
"""Type, flags, stream, payload."""

_HEAD = Struct(">HBBBI")  # the length has 24 bits: 16 and 8
_HEAD_BYTES = 9
_NUMBER = Struct(">I")
_SETTING = Struct(">HI")
_LOW_31 = 0x7FFFFFFF
_COPIED = 4096
"""Up to here a copy of the bytes is cheaper than a view of them."""


class FrameReader:
    """Cuts what arrives into frames, in time that is linear in its bytes however they are cut.

    A DATA frame that is not whole yet is given in pieces, as if it had been several frames: nothing waits for the end of a large
    body, and nothing is joined. All others, and padded ones, are given whole.
    """

    __slots__ = ("_data_flags", "_data_left", "_data_stream", "_greeted", "_held", "_wanted")

    def __init__(self) -> None:
        self._greeted = False
        self._held = bytearray()
        self._wanted = len(PREFACE)
        self._data_left = 0
        self._data_flags = 0
        self._data_stream = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Give the frames that are complete now. ConnectionFault for what is no HTTP/2 or too large."""
        at = 0
        if self._data_left:
            piece = memoryview(data)[: self._data_left]
            at = len(piece)
            self._data_left -= at
            yield DATA, 0 if self._data_left else self._data_flags, self._data_stream, piece
        elif self._held or not self._greeted:
            self._hold(data)
            if len(self._held) < self._wanted:
                return
            data = bytes(self._held)
            self._held.clear()
            if not self._greeted:
                self._greeted, at = True, len(PREFACE)
        have = len(data)
        self._wanted = _HEAD_BYTES
        while have - at >= _HEAD_BYTES:
            high, low, kind, flags, stream_id = _HEAD.unpack_from(data, at)
            length = high << 8 | low
            begin = at + _HEAD_BYTES
            end = begin + length
            if end > have:
                if not self._begin(kind, flags, stream_id, length, have - begin):
                    break
                if begin < have:
                    yield DATA, 0, self._data_stream, memoryview(data)[begin:]
                return
            if length > limits.FRAME_BYTES:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            yield kind, flags, stream_id & _LOW_31, data[begin:end] if length <= _COPIED else memoryview(data)[begin:end]
            at = end
        self._held += memoryview(data)[at:]

    def _hold(self, data: bytes) -> None:
        self._held += data
        if not self._greeted and self._held[: len(PREFACE)] != PREFACE[: len(self._held)]:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "no HTTP/2 preface")

    def _begin(self, kind: int, flags: int, stream_id: int, length: int, there: int) -> bool:
        """A frame is not whole. True: it is given in pieces. False: it is kept until it is."""
        if length > limits.FRAME_BYTES:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
        if kind == DATA and not flags & PADDED:
            self._data_left, self._data_flags, self._data_stream = length - there, flags, stream_id & _LOW_31
            return True
        self._wanted = _HEAD_BYTES + length
        return False


def head(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """Write the head of a frame."""
    return _HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream_id)


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """Write a whole frame."""
    return head(kind, flags, stream_id, len(payload)) + payload


def reset(stream_id: int, code: int) -> bytes:
    """Write RST_STREAM."""
    return head(RST_STREAM, 0, stream_id, 4) + _NUMBER.pack(code)


def window_update(stream_id: int, size: int) -> bytes:
    """Write WINDOW_UPDATE."""
    return head(WINDOW_UPDATE, 0, stream_id, 4) + _NUMBER.pack(size)


def goaway(last_stream_id: int, code: int, reason: str = "") -> bytes:
    """Write GOAWAY."""
    return frame(GOAWAY, 0, 0, _NUMBER.pack(last_stream_id) + _NUMBER.pack(code) + reason.encode())


def settings(values: dict[int, int]) -> bytes:
    """Write SETTINGS."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values.items()))


def read_settings(payload: Bytes) -> Iterator[tuple[int, int]]:
    """Read the payload of SETTINGS, whose length must be a multiple of 6."""
    return _SETTING.iter_unpack(payload)


def number(payload: Bytes) -> int:
    """Read the 32 bits at the beginning of a payload."""
    value: int = _NUMBER.unpack_from(payload)[0]
    return value


def unpadded(stream_id: int, flags: int, payload: Bytes) -> Bytes:
    """Take the padding off a payload, where there is any. ConnectionFault where it is longer than the payload."""
    if not flags & PADDED:
        return payload
    if not payload:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"stream {stream_id}: a padded frame without a length of padding")
    padding = payload[0]
    if padding >= len(payload):
        raise ConnectionFault(Code.PROTOCOL_ERROR, f"stream {stream_id}: more padding than payload")
    return payload[1 : len(payload) - padding]
