"""gRPC over HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), as far as bytes go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from struct import Struct
from typing import Final

from extproc.shell.native.http2.fields import Request, block
from extproc.shell.native.http2.frames import Bytes

_PREFIX = Struct(">BI")
_PREFIX_BYTES = 5
_CONTENT_TYPE: Final = (b"content-type", b"application/grpc")
_ACCEPTED: Final = (b"grpc-accept-encoding", b"identity")
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}

HEADERS: Final = block(200, [_CONTENT_TYPE])
"""Header block of an answer with messages."""


class Status(IntEnum):
    """How a call ends."""

    OK = 0
    CANCELLED = 1
    DEADLINE_EXCEEDED = 4
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13


class StatusError(Exception):
    """The call ends with this status."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@lru_cache(64)
def trailers(status: Status, message: str = "", *, alone: bool = False) -> bytes:
    """Write the block that ends a call; `alone` where no header block came before it. The message is our own plain ASCII."""
    fields = [(b"grpc-status", b"%d" % status)]
    if message:
        fields.append((b"grpc-message", message.encode().replace(b"%", b"%25")))
    if status is Status.UNIMPLEMENTED:
        fields.append(_ACCEPTED)
    return block(200, [_CONTENT_TYPE, *fields]) if alone else block(None, fields)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a call begins with, beside its trace context: the same for many calls."""

    timeout_s: float | None
    refused: bytes | None
    """The whole answer, where it is no call that we serve."""


@lru_cache(512)
def opening(request: Request, path: bytes) -> Opening:
    """Read a request for one method of ours."""
    timeout = request.get(b"grpc-timeout")
    timeout_s = None if timeout is None else _timeout_s(timeout)
    refused = _refused(request, path)
    if refused is None and timeout is not None and timeout_s is None:
        refused = trailers(Status.INTERNAL, "malformed grpc-timeout", alone=True)
    return Opening(timeout_s, refused)


def _refused(request: Request, path: bytes) -> bytes | None:
    if request.method != b"POST":
        return block(405, [(b"allow", b"POST")])
    if not (request.get(b"content-type") or b"").startswith(b"application/grpc"):
        return block(415, [])
    if request.path != path:
        return trailers(Status.UNIMPLEMENTED, "unknown method", alone=True)
    return None


def _timeout_s(value: bytes) -> float | None:
    found = _TIMEOUT.fullmatch(value)
    return float(found[1]) * _SECONDS[found[2]] if found else None


def prefix(message: bytes) -> bytes:
    """Write what stands before a message."""
    return _PREFIX.pack(0, len(message))


class MessageReader:
    """Cuts the bytes of a call into messages, however they come. Nothing is copied more than once."""

    __slots__ = ("_begun", "_largest", "_missing", "_parts")

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._begun = b""
        """A prefix that is not whole."""
        self._parts: list[Bytes] = []
        """Of a message that is not whole, what there is."""
        self._missing = 0
        """And the number of bytes that there are not."""

    @property
    def whole(self) -> bool:
        """Whether no message is cut in the middle."""
        return not self._missing and not self._begun

    def feed(self, data: Bytes) -> list[bytes]:
        """Give the messages that are complete now. StatusError for one that is compressed or too large."""
        messages: list[bytes] = []
        while data:
            if not self._missing:
                if self._begun:
                    data, self._begun = self._begun + bytes(data), b""
                if len(data) < _PREFIX_BYTES:
                    self._begun = bytes(data)
                    break
                self._missing = self._size(data)
                data = data[_PREFIX_BYTES:]
            part = data[: self._missing]
            data = data[len(part) :]
            self._missing -= len(part)
            if self._missing:
                self._parts.append(part)
            elif self._parts:
                self._parts.append(part)
                messages.append(b"".join(self._parts))
                self._parts = []
            else:
                messages.append(bytes(part))
        return messages

    def _size(self, data: Bytes) -> int:
        flag, size = _PREFIX.unpack_from(data)
        if flag:
            raise StatusError(Status.UNIMPLEMENTED if flag == 1 else Status.INTERNAL, "compressed messages are not understood")
        if size > self._largest:
            raise StatusError(Status.RESOURCE_EXHAUSTED, f"a message of {size} bytes; {self._largest} are allowed")
        return int(size)
