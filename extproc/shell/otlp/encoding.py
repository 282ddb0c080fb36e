"""OTLP's messages as bytes (opentelemetry-proto 1.x, `trace/v1`, `common/v1`, `metrics/v1`).

Written by hand, because a span costs a tenth so of what it costs with protobuf's objects, and a twentieth of the SDK's (decision 12).
What there is to know of the format: a field is a varint of its number and kind, then its value; a message inside another is a length
and its bytes (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from struct import Struct

import msgspec

Value = str | bool | int | float | tuple[str, ...]
"""What an attribute can be."""

_DOUBLE = Struct("<d").pack
_FIXED = Struct("<Q").pack


class Kind(IntEnum):
    """What a span is to the service that has it."""

    INTERNAL = 1
    CLIENT = 3


class Span(msgspec.Struct, frozen=True, gc=False):
    """One span. Ids are hex."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for none."""
    name: str
    start_ns: int
    """Unix time."""
    end_ns: int
    attributes: bytes
    """As `attributes` and `number` write them, one after the other."""
    kind: Kind = Kind.INTERNAL
    failed: bool = False
    link: tuple[str, str] | None = None
    """Trace id and span id of a span in another trace that this belongs to."""


def varint(number: int) -> bytes:
    """Write a number; one below zero as its two's complement in 64 bits."""
    if 0 <= number < 0x80:
        return _SMALL[number]
    number &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL = [bytes([number]) for number in range(0x80)]


def field(number: int, content: bytes) -> bytes:
    """Write a field that has a length: a text, bytes, a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def span(one: Span) -> bytes:
    """Write a span as a field of its scope's message (`ScopeSpans.spans`)."""
    parent = b"\x22\x08" + bytes.fromhex(one.parent_id) if one.parent_id else b""
    told = b"".join(
        (
            b"\x0a\x10",
            bytes.fromhex(one.trace_id),
            b"\x12\x08",
            bytes.fromhex(one.span_id),
            parent,
            _named(one.name, one.kind),
            b"\x39",
            _FIXED(one.start_ns),
            b"\x41",
            _FIXED(one.end_ns),
            one.attributes,
            _link(*one.link) if one.link else b"",
            b"\x7a\x02\x18\x02" if one.failed else b"",  # STATUS_CODE_ERROR; the attribute error.type says which
        )
    )
    return b"\x12" + varint(len(told)) + told


@lru_cache(maxsize=256)
def _named(name: str, kind: Kind) -> bytes:
    return field(5, name.encode(errors="replace")) + b"\x30" + varint(kind)


def _link(trace_id: str, span_id: str) -> bytes:
    return field(13, b"\x0a\x10" + bytes.fromhex(trace_id) + b"\x12\x08" + bytes.fromhex(span_id))


def attributes(told: Mapping[str, Value | None], number: int = 9) -> bytes:
    """Write attributes of a span or a metric's point (`number`: of the field that they stand in); None and empty ones are left out."""
    return b"".join([_attribute(number, name, value) for name, value in told.items() if value is not None and value not in ("", ())])


def number(name: str, value: float | None) -> bytes:
    """Write an attribute that is a number, seldom the same twice; nothing for None."""
    if value is None:
        return b""
    return _double_head(name) + _DOUBLE(value) if isinstance(value, float) else _integer(name, value)


@lru_cache(maxsize=256)
def _double_head(name: str) -> bytes:
    return _attribute(9, name, 0.0)[:-8]


@lru_cache(maxsize=4096)
def _integer(name: str, value: int) -> bytes:
    return _attribute(9, name, value)


def _attribute(number: int, name: str, value: Value) -> bytes:
    return field(number, field(1, name.encode()) + field(2, _any(value)))


def _any(value: Value) -> bytes:
    if isinstance(value, str):
        return field(1, value.encode(errors="replace"))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + varint(value)
    if isinstance(value, float):
        return b"\x21" + _DOUBLE(value)
    return field(5, b"".join([field(1, _any(one)) for one in value]))


def resource(told: Mapping[str, Value | None]) -> bytes:
    """Write what is sent along with everything, as a field of `ResourceSpans` and `ResourceMetrics`."""
    return field(1, attributes(told, 1))


def scope(name: str, version: str) -> bytes:
    """Write who has made the spans or metrics, as a field of `ScopeSpans` and `ScopeMetrics`."""
    return field(1, field(1, name.encode()) + field(2, version.encode()))


def request(resource: bytes, scope: bytes, things: Iterable[bytes]) -> bytes:
    """Write an export request of spans or of metrics, which have the same form; each thing is a field of its scope's message."""
    return field(1, resource + field(2, scope + b"".join(things)))


class Points(msgspec.Struct):
    """A histogram so far, of one set of attributes."""

    counts: list[int]
    """In each bucket; the last has no upper bound."""
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")


def histogram(name: str, unit: str, bounds: Sequence[float], since_ns: int, now_ns: int, points: Mapping[bytes, Points]) -> bytes:
    """Write a cumulative histogram as a field of its scope's message (`ScopeMetrics.metrics`); points by their attributes, as written."""
    packed = field(7, b"".join(map(_DOUBLE, bounds)))
    told = []
    for key, one in points.items():
        told.append(
            field(
                1,
                b"".join(
                    (
                        b"\x11" + _FIXED(since_ns),
                        b"\x19" + _FIXED(now_ns),
                        b"\x21" + _FIXED(sum(one.counts)),
                        b"\x29" + _DOUBLE(one.total),
                        field(6, b"".join(map(_FIXED, one.counts))),
                        packed,
                        key,
                        b"\x59" + _DOUBLE(one.least),
                        b"\x61" + _DOUBLE(one.most),
                    )
                ),
            )
        )
    return field(2, field(1, name.encode()) + field(3, unit.encode()) + field(9, b"".join(told) + b"\x10\x02"))
