"""Finds the top-level members of a JSON object as byte spans, and puts another value into one of them. All other bytes stay.

The top level is decoded to raw slices (msgspec scans at C speed and looks at nothing inside). Where the members, written again,
are the body, their lengths are offsets. Else they lead a walk over the members, which finds every key and every value where it says,
byte for byte, and ends behind the last brace: it is then a parse of the whole body, and JSON has only one. Where it does not, a key
stands twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice

import msgspec

from extproc.core.errors import UnreadableError

Fields = Mapping[str, msgspec.Raw]

_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REWRITTEN = 256_000
"""Bytes of a body whose members are written again for comparison; of a larger one they are only walked over."""
_MOST = 1_000
"""Top-level members that are walked over; the APIs know a few dozen."""
_SOUGHT = 128_000
"""Bytes at the beginning in which an array is sought, and at the end in which it closes."""
_TRIES, _MANY = 4, 64
"""Places where it may close that are tried, and of which so many are nothing to go by."""
_ARRAY = re.compile(rb"[\x20\t\r\n]*+:[\x20\t\r\n]*+\[")
_ELEMENT, _MEMBER, _LAST = b'{"role"', b"}],", b"}]}"
_BLANKS = b"\x20\t\r\n"
# Possessive: a key of many megabytes must not be remembered for backtracking.
_KEY = rb'[\x20\t\r\n]*+"([^"\\]*+(?:\\.[^"\\]*+)*+)"[\x20\t\r\n]*+:[\x20\t\r\n]*+'
_FIRST = re.compile(rb"[\x20\t\r\n]*+\{" + _KEY)
_NEXT = re.compile(rb"[\x20\t\r\n]*+," + _KEY)
_CLOSE = re.compile(rb"[\x20\t\r\n]*+\}[\x20\t\r\n]*+\Z")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def readable(body: bytes) -> bytes:
    r"""Give a copy to read from, of the same length, in which no half of a surrogate pair can stand alone.

    A client that cuts an emoji in half sends `\ud83d` without its other half: legal JSON text (RFC 8259 §8.2) that strict
    parsers refuse. Only the copy is read; what leaves is the client's own.
    """
    return _SURROGATE.sub(rb"\\ufffd", body) if holds(body, b"\\ud") or holds(body, b"\\uD") else body


def holds(body: bytes, words: bytes) -> bool:
    """Whether some bytes stand in a body: sought from its end, which CPython does several times faster for few in many."""
    return body.rfind(words) >= 0


def top_level(body: bytes) -> dict[str, msgspec.Raw]:
    """Decode the top level of a JSON object to raw slices of `body`.

    Raises:
        UnreadableError: no JSON object, not UTF-8 in a key, or nested deeper than can be followed.
    """
    try:
        return _TOP.decode(body)
    except RecursionError:
        raise UnreadableError("too_deep") from None
    except msgspec.ValidationError:
        raise UnreadableError("not_an_object") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableError("unreadable_json") from None


def folded(body: bytes, key: str, wanted: str) -> tuple[dict[str, msgspec.Raw], int, int]:
    """Read a large body in one go, but for the array of objects under a key, which makes it large.

    All of the array's elements are cut out, and what is left is read. It is an object with the members of the body if what was cut
    out is an array, and that is given whole and unread: a reader who takes nothing but an array proves it.

    Returns:
        The top level, and the offsets in `body` of the value under the wanted key.

    Raises:
        UnreadableError: no such array was found, or what is left cannot be read, which says nothing about the body.
    """
    at = body.find(quoted := b'"%b"' % key.encode(), 0, _SOUGHT)
    opened = _ARRAY.match(body, at + len(quoted))
    if at < 0 or opened is None:
        raise UnreadableError("not_folded")
    begin = opened.end()
    for close in islice(_closes(body, begin), _TRIES):
        text = body[:begin] + body[close:]
        with suppress(UnreadableError):
            fields = top_level(text)
            array, _ = span(text, fields, key)
            start, stop = span(text, fields, wanted)
            if array != begin - 1 or not stop:
                break
            fields[key] = msgspec.Raw(memoryview(body)[begin - 1 : close + 1])
            cut = close - begin if start >= begin else 0
            return fields, start + cut, stop + cut
    raise UnreadableError("not_folded")


def _closes(body: bytes, begin: int) -> Iterator[int]:
    """Give where an array of objects may close that begins somewhere: before another member of the body, or at its end.

    Further in, only what an element holds closes like that, and is followed by another member of the element. Should one of them be
    taken for the array's, what is left is no object.
    """
    near = max(begin, len(body) - _SOUGHT)
    at, found, last = len(body), list[int](), max(near, body.rfind(_ELEMENT, near))
    while len(found) <= _MANY and (at := body.rfind(_MEMBER, last, at)) >= 0:  # backwards: CPython is several times faster there
        found.append(at + 1)
    if len(found) <= _MANY:
        yield from reversed(found)
    end = near + len(body[near:].rstrip(_BLANKS)) - 2
    if end > begin and body.startswith(_LAST, end - 1):
        yield end


def span(body: bytes, fields: Fields, wanted: str) -> tuple[int, int]:
    """Give the offsets of the value of a top-level key in `body`, of which `fields` is the top level; (0, 0) where it is not there.

    Raises:
        UnreadableError: a key stands twice, so which value counts is not ours to guess; or there are far too many keys.
    """
    if len(fields) > _MOST:
        raise UnreadableError("too_many_keys")
    # Most clients write without white space. A body that is what we would write ourselves holds each key once.
    if len(body) <= _REWRITTEN and msgspec.json.encode(fields) == body:
        return _counted(fields, wanted)
    return _walked(body, fields, wanted)


def _counted(fields: Fields, wanted: str) -> tuple[int, int]:
    at = 1
    for key, raw in fields.items():
        start = at + len(msgspec.json.encode(key)) + 1
        at = start + len(memoryview(raw))
        if key == wanted:
            return start, at
        at += 1
    return 0, 0


def _walked(body: bytes, fields: Fields, wanted: str) -> tuple[int, int]:
    found, at, lead = (0, 0), 0, _FIRST
    for key, raw in fields.items():
        match, value = lead.match(body, at), memoryview(raw)
        if match is None or not (match[1] == key.encode() or msgspec.json.decode(b'"%b"' % match[1]) == key):
            raise UnreadableError("duplicate_keys")
        start = match.end()
        at = start + len(value)
        if not body.startswith(value, start):
            raise UnreadableError("duplicate_keys")
        if key == wanted:
            found = (start, at)
        lead = _NEXT
    if fields and not _CLOSE.match(body, at):
        raise UnreadableError("duplicate_keys")
    return found


def splice(body: bytes, start: int, end: int, value: str) -> bytes:
    """Give `body` with the JSON string `value` in place of the bytes from `start` to `end`."""
    whole = memoryview(body)  # of a large body, a copy that nobody needs is a tenth of its way through us
    return b"".join((whole[:start], msgspec.json.encode(value), whole[end:]))
