"""Small changes to JSON text that leave all other bytes as they came: top-level values, and elements of arrays.

Positions come from raw slices (`wire.splice`); nothing is decoded and written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import readable, span, top_level

_SPACE = re.compile(rb"[\x20\t\r\n]*+")
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def put(body: bytes, values: Mapping[str, bytes]) -> bytes:
    """Give a JSON object with other values (JSON text) under some top-level keys; keys that are not there are added at its end.

    Raises:
        UnreadableError: the body is no object whose members can be found for certain.
    """
    text, fields = parsed(body)
    found = sorted((*span(text, fields, key), key) for key in values if key in fields)
    parts, at = [], 0
    for start, end, key in found:
        parts += [body[at:start], values[key]]
        at = end
    new = [msgspec.json.encode(key) + b":" + value for key, value in values.items() if key not in fields]
    if new:
        brace = body.rindex(b"}")
        parts += [body[at:brace], b"," if fields else b"", b",".join(new)]
        at = brace
    return b"".join((*parts, body[at:]))


def without(body: bytes, keys: Iterable[str]) -> bytes:
    """Give a JSON object without some top-level members. UnreadableError as `put`."""
    for key in keys:
        text, fields = parsed(body)
        if key in fields:
            start, end = span(text, fields, key)
            name = _start_of_member(body, start)
            comma = _SPACE.match(body, end).end()  # type: ignore[union-attr] # it matches nothing, too
            if body[comma : comma + 1] == b",":
                end = comma + 1
            else:
                name = len(body[:name].rstrip(b"\x20\t\r\n").removesuffix(b","))
            body = body[:name] + body[end:]
    return body


def _start_of_member(body: bytes, value: int) -> int:
    """The offset of the key in front of a value: back over the colon, the closing quote, and to the quote that is not escaped."""
    at = body.rindex(b":", 0, value)
    at = body.rindex(b'"', 0, at)
    while True:
        at = body.rindex(b'"', 0, at)
        escapes = at - len(body[:at].rstrip(b"\\"))
        if escapes % 2 == 0:
            return at


def elements(array: bytes) -> list[tuple[int, int]]:
    """Give the offsets of the elements of a JSON array, in order. UnreadableError where it is none."""
    try:
        raws = _RAWS.decode(array)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        try:
            raws = _RAWS.decode(readable(array))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise UnreadableError("unreadable_messages") from None
    spans, at = [], array.index(b"[") + 1
    for raw in raws:
        start = _SPACE.match(array, at).end()  # type: ignore[union-attr] # it matches nothing, too
        end = start + len(memoryview(raw))
        spans.append((start, end))
        at = _SPACE.match(array, end).end() + 1  # type: ignore[union-attr]
    return spans


def appended(array: bytes, element: bytes) -> bytes:
    """Give a JSON array with one more element; all bytes in front of its bracket stay."""
    bracket = array.rindex(b"]")
    comma = b"," if array[:bracket].strip(b"\x20\t\r\n") != b"[" else b""
    return b"".join((array[:bracket], comma, element, array[bracket:]))


def replaced(array: bytes, changes: Mapping[int, bytes | None]) -> bytes:
    """Give a JSON array with other elements (JSON text) at some indices; None takes an element out."""
    spans = elements(array)
    if None in changes.values():
        kept = [changes.get(index, array[start:end]) for index, (start, end) in enumerate(spans)]
        return b"[%b]" % b",".join([element for element in kept if element is not None])
    parts, at = [], 0
    for index in sorted(changes):
        start, end = spans[index]
        parts += [array[at:start], changes[index] or b""]
        at = end
    return b"".join((*parts, array[at:]))


def parsed(body: bytes) -> tuple[bytes, Mapping[str, msgspec.Raw]]:
    """Give a text of the same length to look into, and its top level: the body itself, or a copy where half surrogate pairs stand alone.

    Raises:
        UnreadableError: neither is a JSON object.
    """
    try:
        return body, top_level(body)
    except UnreadableError:
        text = readable(body)
        return text, top_level(text)
