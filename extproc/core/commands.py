"""All that the core may ask of the shell. Each says to which message of Envoy it is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from extproc.core.vocabulary import Note, Role

Pairs = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class AwaitBody:
    """To the request headers: nothing to change yet."""


@dataclass(frozen=True, slots=True)
class Forward:
    """To the request headers or body: let the request go, with these changes. Without any it goes on to verify, untouched."""

    note: Note
    role: Role | None = None
    """Carry it to the model of this role; None leaves the route alone."""
    body: bytes | None = field(default=None, repr=False)
    """The new body; None leaves the client's bytes alone."""


@dataclass(frozen=True, slots=True)
class PassResponse:
    """To the response headers: nothing to change but perhaps the note; the response flows without us."""

    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """To the response headers: an answer will come, within this time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StartResponse:
    """To the response headers: another status and other headers; the body will come from us, the upstream's is swallowed."""

    status: int
    headers: Pairs = field(repr=False)
    remove: Sequence[str]
    note: Note


@dataclass(frozen=True, slots=True)
class SendBody:
    """After `StartResponse`: a piece of our body, and whether it is the last."""

    data: bytes = field(repr=False)
    end: bool = False


@dataclass(frozen=True, slots=True)
class EndWithTrailers:
    """After `StartResponse`, in place of an ending `SendBody`: the upstream's response had trailers, which must be answered."""


@dataclass(frozen=True, slots=True)
class Reply:
    """To any headers: a whole response of our own."""

    status: int
    headers: Pairs = field(repr=False)
    body: bytes = field(repr=False)
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Start a side call to a model; `CallStarted`, `CallData`, `CallEnded` or `CallFailed` will follow."""

    role: Role
    path: str
    headers: Pairs = field(repr=False)
    body: bytes = field(repr=False)
    silence_s: float
    """Time without a byte after which it has failed."""
    wall_s: float
    """Time after which it has failed in any case."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Close the stream to Envoy: it goes on without us."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Break the response off: the client must not take what it has for the whole."""


Command = AwaitBody | Forward | PassResponse | Hold | StartResponse | SendBody | EndWithTrailers | Reply | Call | Leave | Abort
"""Everything that `Session.handle` gives."""
