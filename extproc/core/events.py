"""All that the shell may tell the core. Times (`at_s`, seconds of a monotonic clock) arrive with the events; the core has no clock."""

from __future__ import annotations

import msgspec

from extproc.core.vocabulary import Role


class Headers:
    """HTTP headers in wire order, names in lower case, values as bytes; may hold a name several times."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, bytes]]) -> None:
        self._pairs = pairs

    @property
    def pairs(self) -> list[tuple[str, bytes]]:
        """Give all of them."""
        return self._pairs

    def get(self, name: str, default: str = "") -> str:
        """Give the first value of a header as text (any bytes are legal: latin-1)."""
        for key, value in self.pairs:
            if key == name:
                return value.decode("latin-1")
        return default

    def names(self) -> set[str]:
        """Give all names, pseudo headers included."""
        return {name for name, _ in self.pairs}


class RequestHeaders(msgspec.Struct, frozen=True, gc=False):
    """The client's request line and headers. `end`: there is no body."""

    at_s: float
    headers: Headers
    end: bool


class RequestBody(msgspec.Struct, frozen=True, gc=False):
    """The client's whole request body."""

    at_s: float
    data: bytes


class ResponseHeaders(msgspec.Struct, frozen=True, gc=False):
    """Status and headers of the upstream (or of Envoy's own reply where the upstream could not be had)."""

    at_s: float
    headers: Headers
    end: bool

    @property
    def status(self) -> int:
        """HTTP status; 0 where there is none to read."""
        text = self.headers.get(":status")
        return int(text) if text.isdecimal() else 0


class ResponseBody(msgspec.Struct, frozen=True, gc=False):
    """A piece of the upstream's body."""

    at_s: float
    data: bytes
    end: bool


class ResponseTrailers(msgspec.Struct, frozen=True, gc=False):
    """The upstream's trailers; they end the response."""

    at_s: float


class CallStarted(msgspec.Struct, frozen=True, gc=False):
    """A side call has its status and headers."""

    at_s: float
    status: int
    headers: Headers
    role: Role = Role.VERIFY
    began_s: float | None = None
    """When it really began, which is a little after it was asked for."""


class CallData(msgspec.Struct, frozen=True, gc=False):
    """A piece of a side call's body."""

    at_s: float
    data: bytes
    role: Role = Role.VERIFY


class CallEnded(msgspec.Struct, frozen=True, gc=False):
    """A side call came to its regular end."""

    at_s: float
    role: Role = Role.VERIFY


class CallFailed(msgspec.Struct, frozen=True, gc=False):
    """A side call broke, before or in its answer. `kind` is one of `connect`, `timeout`, `reset`, `budget`."""

    at_s: float
    kind: str
    role: Role = Role.VERIFY


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Nothing has happened for the time that `Watch` asked for."""

    at_s: float


class ClientLeft(msgspec.Struct, frozen=True, gc=False):
    """Nobody waits for the answer any more; side calls end with this."""

    at_s: float


Event = (
    RequestHeaders
    | RequestBody
    | ResponseHeaders
    | ResponseBody
    | ResponseTrailers
    | CallStarted
    | CallData
    | CallEnded
    | CallFailed
    | Tick
    | ClientLeft
)
"""Everything that `Session.handle` takes."""
