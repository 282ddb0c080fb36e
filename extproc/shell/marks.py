"""What the spans of a request need beside its record: ids and times. They travel as the note does, in Envoy's dynamic metadata.

The worker that decides about a request writes them, whichever worker gets its access-log entry reads them. Times are whole
nanoseconds; those of the worker's monotonic clock become the wall clock's here, as late as can be.
"""

from __future__ import annotations

from time import monotonic, time
from typing import TypeVar

import msgspec

from extproc.core.records import Content, Note, Trace


class Begun(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Known when a request is forwarded."""

    span_id: str
    parent_id: str
    arrived_ns: int
    """Unix time of the request's arrival; all other times count from it."""
    heard_ns: int
    """Arrival of its body; 0 where nobody looked at it."""
    decided_ns: int
    stream: bool
    content: bool = False
    """What was asked and answered travels along."""


class Told(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Known when the last of an answer of ours goes out."""

    answered_ns: int | None
    """When the first of the answer went out; None where there was none."""
    told_ns: int


def begun(trace: Trace) -> str:
    """Write the marks of a request about which has just been decided."""
    now_s = monotonic()
    arrived_ns = _ns(time() - now_s + trace.began_s)
    heard_ns = _ns(trace.heard_s - trace.began_s) if trace.heard_s else 0
    marks = Begun(trace.span_id, trace.parent_id, arrived_ns, heard_ns, _ns(now_s - trace.began_s), trace.stream, trace.content)
    return msgspec.json.encode(marks).decode()


def told(note: Note, trace: Trace) -> str:
    """Write the marks of an answer whose last goes out now."""
    answered_ns = _ns(note.answered_s - trace.began_s) if note.answered_s is not None else None
    return msgspec.json.encode(Told(answered_ns, _ns(monotonic() - trace.began_s))).decode()


def contents(note: Note) -> str:
    """Write what the models were asked and have answered."""
    return msgspec.json.encode(note.contents).decode()


def read_begun(text: str) -> Begun | None:
    """Read what `begun` has written; None where there is nothing, or it is another release's."""
    return _read(_BEGUN, text)


def read_told(text: str) -> Told | None:
    """Read what `told` has written; None where there is nothing, or it is another release's."""
    return _read(_TOLD, text)


def read_contents(text: str) -> tuple[Content, ...]:
    """Read what `contents` has written; none where there is nothing, or it is another release's."""
    return _read(_CONTENTS, text) or ()


_Marks = TypeVar("_Marks")
_BEGUN = msgspec.json.Decoder(Begun)
_TOLD = msgspec.json.Decoder(Told)
_CONTENTS = msgspec.json.Decoder(tuple[Content, ...])


def _read(decoder: msgspec.json.Decoder[_Marks], text: str) -> _Marks | None:
    try:
        return decoder.decode(text) if text else None
    except msgspec.DecodeError:
        return None


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
