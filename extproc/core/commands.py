"""All that the core may ask of the shell. Each says to which message of Envoy it is the answer."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from extproc.core.records import Comparison, Note
from extproc.core.vocabulary import Role

Pairs = Sequence[tuple[str, bytes]]


class AwaitBody(msgspec.Struct, frozen=True, gc=False):
    """To the request headers: nothing to change yet."""


class Forward(msgspec.Struct, frozen=True, gc=False):
    """To the request headers or body: let the request go, with these changes. Without any it goes on to verify, untouched."""

    note: Note
    role: Role | None = None
    """Carry it to the model of this role; None leaves the route alone."""
    body: bytes | None = None
    """The new body; None leaves the client's bytes alone."""
    held: bool = False
    """Carry it nowhere: Envoy answers with a placeholder, in whose place we put the response."""


class PassResponse(msgspec.Struct, frozen=True, gc=False):
    """To the response headers: nothing to change but perhaps the note; the response flows without us."""

    note: Note | None = None


class Hold(msgspec.Struct, frozen=True, gc=False):
    """To the response headers: an answer will come, within this time."""

    seconds: float


class StartResponse(msgspec.Struct, frozen=True, gc=False):
    """To the response headers: another status and other headers; the body will come from us, the upstream's is swallowed."""

    status: int
    headers: Pairs
    remove: Sequence[str]
    note: Note
    pending: bool = False
    """The outcome is not known yet; the note's is what it will be if we are cut off."""


class SendBody(msgspec.Struct, frozen=True, gc=False):
    """After `StartResponse`: a piece of our body, and whether it is the last."""

    data: bytes
    end: bool = False
    note: Note | None = None
    """With the end: what is known now."""


class EndWithTrailers(msgspec.Struct, frozen=True, gc=False):
    """After `StartResponse`, in place of an ending `SendBody`: the upstream's response had trailers, which must be answered."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """To any headers: a whole response of our own."""

    status: int
    headers: Pairs
    body: bytes
    note: Note | None = None


class Call(msgspec.Struct, frozen=True, gc=False):
    """Start a side call to a model; `CallStarted`, `CallData`, `CallEnded` or `CallFailed` will follow."""

    role: Role
    path: str
    headers: Pairs
    body: bytes
    silence_s: float
    """Time without a byte after which it has failed."""
    wall_s: float
    """Time after which it has failed in any case."""


class CancelCall(msgspec.Struct, frozen=True, gc=False):
    """Drop the side call to this model, if it still runs; nothing more will be heard of it."""

    role: Role


class Watch(msgspec.Struct, frozen=True, gc=False):
    """From now on give a `Tick` whenever nothing has happened for so long."""

    seconds: float


class Report(msgspec.Struct, frozen=True, gc=False):
    """Calls that were made in vain: no response is left that could carry the note to the record."""

    note: Note


class Compared(msgspec.Struct, frozen=True, gc=False):
    """What the cascade would have made of a request (mode `shadow`); nothing else follows."""

    comparison: Comparison
    tried: Note
    """The note of the trial itself, in a trace of its own."""
    root_id: str
    """The root span of the request; empty where there is none."""


class Leave(msgspec.Struct, frozen=True, gc=False):
    """Close the stream to Envoy: it goes on without us."""


Command = (
    AwaitBody
    | Forward
    | PassResponse
    | Hold
    | StartResponse
    | SendBody
    | EndWithTrailers
    | Reply
    | Call
    | CancelCall
    | Watch
    | Report
    | Compared
    | Leave
)
"""Everything that `Session.handle` gives."""
