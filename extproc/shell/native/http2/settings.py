"""SETTINGS (RFC 9113, section 6.5): ours, and what the peer's may be."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from extproc.shell.native.http2 import frames, limits
from extproc.shell.native.http2.errors import Code, ConnectionFault
from extproc.shell.native.http2.frames import Bytes


class Setting(IntEnum):
    """The names of settings."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6


OURS: Final[dict[int, int]] = {
    Setting.HEADER_TABLE_SIZE: 0,  # see `fields.BlockReader`
    Setting.MAX_CONCURRENT_STREAMS: limits.STREAMS,
    Setting.INITIAL_WINDOW_SIZE: limits.STREAM_WINDOW,
    Setting.MAX_HEADER_LIST_SIZE: limits.FIELD_BYTES,
}

_ALLOWED: Final[dict[int, tuple[int, int, Code]]] = {
    Setting.ENABLE_PUSH: (0, 1, Code.PROTOCOL_ERROR),
    Setting.INITIAL_WINDOW_SIZE: (0, 0x7FFFFFFF, Code.FLOW_CONTROL_ERROR),
    Setting.MAX_FRAME_SIZE: (16_384, 0xFFFFFF, Code.PROTOCOL_ERROR),
}


def read(payload: Bytes) -> Iterator[tuple[int, int]]:
    """Read the peer's settings, in order. ConnectionFault for a value out of its range; names that nobody knows are fine."""
    if len(payload) % 6:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, "SETTINGS has 6 bytes for each")
    for name, value in frames.read_settings(payload):
        low, high, code = _ALLOWED.get(name, (0, 0xFFFFFFFF, Code.PROTOCOL_ERROR))
        if not low <= value <= high:
            raise ConnectionFault(code, f"setting {name} is {value}")
        yield name, value
