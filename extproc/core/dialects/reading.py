"""What readers of whole requests share: values under keys, and a list of all that a request holds.

An object is read as a mapping of its keys to raw slices, so nothing of it goes unnoticed, and what is carried on as JSON (schemas,
arguments) is carried byte for byte. Nesting is followed no deeper than msgspec follows it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from extproc.core.dialects.base import lenient
from extproc.core.errors import UnreadableError
from extproc.core.features import Feature
from extproc.core.wire.splice import Fields, top_level

T = TypeVar("T")

SHAPES = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
SHAPE: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
ODD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoders raise."""
_TEXT: msgspec.json.Decoder[str | None] = msgspec.json.Decoder(str | None)
_FLAG: msgspec.json.Decoder[bool | None] = msgspec.json.Decoder(bool | None)
_WHOLE: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)
_NUMBER: msgspec.json.Decoder[float | None] = msgspec.json.Decoder(float | None)
_TEXTS: msgspec.json.Decoder[list[str] | None] = msgspec.json.Decoder(list[str] | None)
_STRINGS: msgspec.json.Decoder[dict[str, str] | None] = msgspec.json.Decoder(dict[str, str] | None)
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)
_INNER: msgspec.json.Decoder[dict[str, msgspec.Raw] | None] = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_RAWS: msgspec.json.Decoder[list[msgspec.Raw] | None] = msgspec.json.Decoder(list[msgspec.Raw] | None)
_INNERS: msgspec.json.Decoder[list[dict[str, msgspec.Raw]] | None] = msgspec.json.Decoder(list[dict[str, msgspec.Raw]] | None)
_WORTH_NOTHING = frozenset({b"null", b"false", b"[]", b"{}", b'""'})
_MOST_UNKNOWN = 20
"""Fields that we do not know and that are listed."""
_LONGEST = 60
_MOST_STOPS = 4
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_ODD_NAME = re.compile(r"[^\w.-]", re.ASCII)


class Plain(NamedTuple, Generic[T]):
    """Reads what nearly all elements of a list are, and refuses all else: every key that is not known, above all."""

    one: msgspec.json.Decoder[T]
    all: msgspec.json.Decoder[list[T]]


class Held:
    """Collects what a request holds."""

    def __init__(self, fields: Mapping[str, Feature]) -> None:
        self._fields = fields
        self._found: dict[str, Feature] = {}
        self._unknown = 0

    def add(self, field: str) -> None:
        """The request holds this field."""
        if field in self._found:
            return
        feature = self._fields.get(field, Feature.UNKNOWN)
        if feature is Feature.UNKNOWN:
            self._unknown += 1
            if self._unknown > _MOST_UNKNOWN:
                return
        self._found[field] = feature

    def rest(self, where: str, shape: Fields, plain: Collection[str]) -> None:
        """An object stands there: list all of its keys that say something and are not `plain`."""
        for key in shape.keys() - plain:
            if worth(shape[key]):
                self.add(where + (key if where + key in self._fields else _ODD_NAME.sub("_", key[:_LONGEST])))

    def told(self) -> tuple[tuple[str, Feature], ...]:
        """Give all of them, the same always in the same order."""
        return tuple(sorted(self._found.items()))


def opened(body: bytes) -> Fields:
    """Give the top level of a request to read from. UnreadableError where there is none, or where any of it is not UTF-8."""
    try:
        _ = body.isascii() or body.decode()  # what is carried on as JSON is not looked into again
    except UnicodeDecodeError:
        raise UnreadableError("not_utf8") from None
    return top_level(sound(body))


def sound(text: bytes) -> bytes:
    r"""Give JSON text in which no half of a surrogate pair stands alone (RFC 8259 §8.2): U+FFFD is in its place.

    Unlike `wire.splice.readable`, which is for a look alone, this leaves whole pairs as they are.
    """
    return text if _SURROGATE.search(text) is None else _LONE.sub(lambda found: _replaced(text, found), text)


def _replaced(text: bytes, found: re.Match[bytes]) -> bytes:
    before = text[max(0, found.start() - 64) : found.start()]
    escaped = (len(before) - len(before.rstrip(b"\\"))) % 2
    return found[0] if escaped else rb"\ufffd"


def worth(raw: msgspec.Raw) -> bool:
    """Whether a value says anything: it is not null, false or empty."""
    view = memoryview(raw)
    return len(view) > 5 or bytes(view) not in _WORTH_NOTHING


def there(shape: Fields, key: str) -> bool:
    """Whether something that says anything stands under a key."""
    return key in shape and worth(shape[key])


def value(shape: Fields, key: str, decoder: msgspec.json.Decoder[T | None]) -> T | None:
    """Decode what stands under a key; None for nothing and for null. UnreadableError where it is of another kind."""
    raw = shape.get(key)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except ODD:
        return lenient(raw, decoder)  # it says why not


def text(shape: Fields, key: str) -> str:
    """Give a text; empty where there is none."""
    return value(shape, key, _TEXT) or ""


def flag(shape: Fields, key: str) -> bool | None:
    """Give a flag."""
    return value(shape, key, _FLAG)


def whole(shape: Fields, key: str) -> int | None:
    """Give a whole number."""
    return value(shape, key, _WHOLE)


def number(shape: Fields, key: str) -> float | None:
    """Give a number."""
    return value(shape, key, _NUMBER)


def texts(shape: Fields, key: str) -> list[str]:
    """Give a list of texts, also where one stands alone."""
    raw = shape.get(key)
    return [text(shape, key)] if raw is not None and is_text(raw) else value(shape, key, _TEXTS) or []


def strings(shape: Fields, key: str) -> dict[str, str] | None:
    """Give texts by their names."""
    return value(shape, key, _STRINGS)


def anything(shape: Fields, key: str) -> Any:
    """Give whatever stands under a key."""
    return value(shape, key, _ANY)


def inner(shape: Fields, key: str) -> Fields:
    """Give an object; an empty one where there is none."""
    return value(shape, key, _INNER) or {}


def inners(shape: Fields, key: str) -> list[dict[str, msgspec.Raw]]:
    """Give a list of objects."""
    return value(shape, key, _INNERS) or []


def raws(shape: Fields, key: str) -> list[msgspec.Raw]:
    """Give a list of anything, undecoded."""
    return value(shape, key, _RAWS) or []


def each(shape: Fields, key: str, decoders: Plain[T]) -> Sequence[T | Fields]:
    """Give the elements of a list in one step where all are plain; else those that are not as mappings of their keys to raw slices."""
    raw = shape.get(key)
    if raw is None:
        return []
    try:
        return decoders.all.decode(raw)
    except ODD:
        read: list[T | Fields] = []
        for one in raws(shape, key):
            try:
                read.append(decoders.one.decode(one))
            except ODD:
                read.append(lenient(one, SHAPE))
        return read


def is_text(raw: msgspec.Raw) -> bool:
    """Whether a value is a text."""
    return bytes(memoryview(raw)[:1]) == b'"'


def is_object(raw: msgspec.Raw) -> bool:
    """Whether a value is an object."""
    return bytes(memoryview(raw)[:1]) == b"{"


def json(raw: msgspec.Raw | None) -> msgspec.Raw | None:
    """Give an object to be carried on as it is; None where it says nothing. UnreadableError where it is something else."""
    if raw is None or not worth(raw):
        return None
    if not is_object(raw):
        raise UnreadableError("unreadable_messages")
    return raw


def is_odd(stop: Sequence[str]) -> bool:
    """Whether not every provider takes these stop sequences: OpenAI four at most, Anthropic none that is white space alone."""
    return len(stop) > _MOST_STOPS or not all(sequence.strip() for sequence in stop)
