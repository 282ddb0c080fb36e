"""Targets: what clients send and providers answer, in all dialects. Only the documented errors may come out, and answers stay whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from extproc.core.answers import Piece, gathered
from extproc.core.conversation import Manner
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.contract import Changes, DialectSpec
from extproc.core.errors import MalformedError, UnreadableError
from extproc.core.steps.accept import accept
from extproc.core.vocabulary import PATHS
from extproc.core.wire.splice import top_level
from extproc.core.wire.sse import SseParser
from fuzz.cuts import told

_PATHS: Final = tuple(PATHS)
_SPECS: Final = tuple(DIALECTS.values())
_CHANGES: Final = Changes(model="other", max_tokens=5, tell_usage=True, no_thinking=True)


def requests(data: bytes) -> None:
    """A request is read and changed, or is unreadable; what is changed is a request again."""
    which, body = told(data)
    path = _PATHS[which % len(_PATHS)]
    spec = DIALECTS[PATHS[path]]
    with suppress(UnreadableError):
        conversation = spec.conversation(body)
        for other in _SPECS:
            top_level(other.asked(conversation, Manner("m")))
    try:
        request = accept(path, "", body)
        spec.demands(top_level(body))
    except UnreadableError:
        return
    changed = _of(lambda: spec.changed(body, _CHANGES))
    if changed is not None:
        assert accept(path, "", changed).model == "other"
    longer = _of(lambda: spec.extended(body, "judge it"))
    if longer is not None:
        assert accept(path, "", longer).model == request.model
    _of(lambda: spec.question(body))
    for drafted in (True, False):
        cleaned = _of(lambda drafted=drafted: spec.disowned(body, lambda _: drafted))  # type: ignore[misc]
        if cleaned is not None:
            accept(path, "", cleaned)


def _of(made: Callable[[], bytes]) -> bytes | None:
    try:
        return made()
    except UnreadableError:
        return None


def answers(data: bytes) -> None:
    """An answer is read, whole or as a stream, or is malformed; what is read can be written in every dialect, and read again there."""
    which, body = told(data)
    spec = _SPECS[which % len(_SPECS)]
    with suppress(MalformedError):
        _written(spec.whole(body))
    with suppress(MalformedError):
        parser, reader, pieces = SseParser(), spec.reader(), list[Piece]()
        for event in parser.feed(body) + parser.finish():
            spec.shown(event, usage=False)
            pieces += reader.read(event)
        _written(pieces)


def _written(pieces: list[Piece]) -> None:
    answer = gathered(pieces)
    for spec in _SPECS:
        if answer.ended and answer.error is None:
            spec.whole(spec.fold(answer, 0))
        writer = spec.writer(0)
        streamed = b"".join([writer.write(piece) for piece in pieces])
        _read(spec, streamed)


def _read(spec: DialectSpec, streamed: bytes) -> None:
    parser, reader = SseParser(), spec.reader()
    for event in parser.feed(streamed) + parser.finish():
        reader.read(event)
