"""Targets: the small readers under the dialects. Only their documented errors may come out of them."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from extproc.core.errors import MalformedError, UnreadableError
from extproc.core.wire import edit
from extproc.core.wire.inflate import Inflater
from extproc.core.wire.splice import span, splice, top_level
from extproc.core.wire.sse import SseEvent, SseParser
from fuzz.cuts import pieces, told

_ENCODINGS = ("gzip", "deflate", "identity", "x-gzip", "br")
_LIMIT = 1 << 16


def sse(data: bytes) -> None:
    """Events are the same however the bytes are cut, and hold all of them."""
    size, data = told(data)
    whole, cut = _events(data, 0), _events(data, size % 64 + 1)
    assert whole == cut
    assert b"".join(event.raw for event in whole) == data


def _events(data: bytes, size: int) -> list[SseEvent]:
    parser = SseParser()
    found = [event for piece in pieces(data, size) for event in parser.feed(piece)]
    return found + parser.finish()


def inflate(data: bytes) -> None:
    """What comes out is within the limit, and the same however the bytes are cut."""
    kind, data = told(data)
    encoding = _ENCODINGS[kind % len(_ENCODINGS)]
    whole, cut = _inflated(data, encoding, 0), _inflated(data, encoding, kind // len(_ENCODINGS) + 1)
    assert whole == cut
    assert len(whole[0]) <= _LIMIT


def _inflated(data: bytes, encoding: str, size: int) -> tuple[bytes, str]:
    """What came out, to the error if there is one. Of the piece with the error nothing comes, so an erring body counts as empty."""
    out = []
    try:
        inflater = Inflater(encoding, _LIMIT)
        out = [inflater.feed(piece) for piece in pieces(data, size)]
        out.append(inflater.finish())
    except MalformedError as error:
        return b"", error.kind
    return b"".join(out), ""


def json(data: bytes) -> None:
    """Values are found where they are, and nothing else changes with them."""
    with suppress(UnreadableError):
        edit.elements(data)
    try:
        fields = top_level(data)
        places = {key: span(data, fields, key) for key in list(fields)[:8]}
    except UnreadableError:
        return
    for key, (start, end) in places.items():
        assert data[start:end] == bytes(fields[key])
        _same(splice(data, start, end, "x\n"), fields, {key: b'"x\\n"'})
        _same(edit.put(data, {key: b"[1]", "another": b"2"}), fields, {key: b"[1]", "another": b"2"})
        _same(edit.without(data, [key]), fields, {key: None})
        _array(bytes(fields[key]))


def _same(changed: bytes, fields: dict[str, msgspec.Raw], changes: dict[str, bytes | None]) -> None:
    told = {key: bytes(raw) for key, raw in top_level(changed).items()}
    expected = {**{key: bytes(raw) for key, raw in fields.items()}, **changes}
    assert told == {key: raw for key, raw in expected.items() if raw is not None}


def _array(array: bytes) -> None:
    try:
        spans = edit.elements(array)
    except UnreadableError:
        return
    texts = [array[start:end] for start, end in spans]
    longer = edit.appended(array, b"7")
    assert [longer[start:end] for start, end in edit.elements(longer)] == [*texts, b"7"]
    if texts:
        other = edit.replaced(array, {0: b"{}"})
        assert [other[start:end] for start, end in edit.elements(other)] == [b"{}", *texts[1:]]
        assert len(edit.elements(edit.replaced(array, {0: None}))) == len(texts) - 1
