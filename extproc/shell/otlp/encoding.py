"""OTLP's messages as bytes (opentelemetry-proto 1.x, `trace/v1`, `common/v1`, `metrics/v1`).

Written by hand (`shell.fields` says how), because a span costs a fifth so of what it costs with protobuf's objects, and a tenth of what
it costs with OpenTelemetry's SDK (docs/decisions).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import lru_cache
from math import inf
from struct import Struct

import msgspec

from extproc.shell import fields

Value = str | bool | int | float | tuple[str, ...]
"""What an attribute can be."""

_LAST = (1 << 64) - 1
double = Struct("<d").pack
"""Writes a float."""
_FIXED = Struct("<Q").pack
_TIMES = Struct("<BQBQ").pack


class Kind(IntEnum):
    """What a span is to the service that has it."""

    INTERNAL = 1
    CLIENT = 3


def field(number: int, content: bytes) -> bytes:
    """Write a field that has a length (a text, bytes, a message), by its number."""
    return fields.field(_TAGS[number], content)


_TAGS = [bytes((number << 3 | 2,)) for number in range(16)]


class Trace:
    """Writes the spans of one trace, each as a field of its scope's message (`ScopeSpans.spans`)."""

    __slots__ = ("_head",)

    def __init__(self, trace_id: str) -> None:
        """Begin; the id is hex."""
        self._head = b"\x0a\x10" + bytes.fromhex(trace_id) + b"\x12\x08"

    def span(self, span_id: int, parent_id: int, named: bytes, times: tuple[int, int], told: bytes, *, failed: bool = False) -> bytes:
        """Write a span.

        Args:
            span_id: as a number.
            parent_id: 0 for none.
            named: see `named`.
            times: beginning and end, nanoseconds of Unix time.
            told: attributes and links, one after the other.
            failed: it has the status of an error; the attribute `error.type` says which.
        """
        parent = b"\x22\x08" + parent_id.to_bytes(8) if parent_id else b""
        parts = (
            self._head,
            span_id.to_bytes(8),
            parent,
            named,
            _TIMES(0x39, times[0], 0x41, times[1]),
            told,
            b"\x7a\x02\x18\x02" if failed else b"",  # STATUS_CODE_ERROR
        )
        content = b"".join(parts)
        return fields.field(b"\x12", content)


@lru_cache(maxsize=512)
def named(name: str, kind: Kind = Kind.INTERNAL) -> bytes:
    """Write a span's name and kind."""
    return field(5, name.encode(errors="replace")) + bytes((0x30, kind))


def link(trace_id: str, span_id: str) -> bytes:
    """Write a span's link to a span of another trace."""
    return field(13, b"\x0a\x10" + bytes.fromhex(trace_id) + b"\x12\x08" + bytes.fromhex(span_id))


def attributes(told: Mapping[str, Value | None], number: int = 9) -> bytes:
    """Write attributes of a span or a metric's point (`number`: of the field that they stand in); None and empty ones are left out."""
    return b"".join([_attribute(number, name, value) for name, value in told.items() if value is not None and value not in ("", ())])


def head_of(name: str) -> bytes:
    """Give what stands before `double(value)` in an attribute that is a float, seldom the same twice."""
    return _attribute(9, name, 0.0)[:-8]


@lru_cache(maxsize=8192)
def integer(name: str, value: int) -> bytes:
    """Write an attribute that is a whole number."""
    return _attribute(9, name, value)


def _attribute(number: int, name: str, value: Value) -> bytes:
    return field(number, field(1, name.encode()) + field(2, _any(value)))


def _any(value: Value) -> bytes:
    if isinstance(value, str):
        return field(1, value.encode(errors="replace"))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return fields.head(b"\x18", value & _LAST)  # below zero it is the two's complement in 64 bits
    if isinstance(value, float):
        return b"\x21" + double(value)
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


class Points(msgspec.Struct, gc=False):
    """A histogram so far, of one set of attributes."""

    bounds: tuple[float, ...]
    counts: list[int]
    """In each bucket; the last has no upper bound."""
    total: float = 0.0
    least: float = inf
    most: float = -inf

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
        if value < self.least:
            self.least = value
        if value > self.most:
            self.most = value


def histogram(name: str, unit: str, since_ns: int, now_ns: int, points: Mapping[bytes, Points]) -> bytes:
    """Write a cumulative histogram as a field of its scope's message (`ScopeMetrics.metrics`); points by their attributes, as written."""
    told = b"".join([_point(key, one, since_ns, now_ns) for key, one in points.items()])
    return field(2, field(1, name.encode()) + field(3, unit.encode()) + field(9, told + b"\x10\x02"))


def _point(key: bytes, one: Points, since_ns: int, now_ns: int) -> bytes:
    parts = (
        b"\x11" + _FIXED(since_ns),
        b"\x19" + _FIXED(now_ns),
        b"\x21" + _FIXED(sum(one.counts)),
        b"\x29" + double(one.total),
        field(6, b"".join(map(_FIXED, one.counts))),
        field(7, b"".join(map(double, one.bounds))),
        key,
        b"\x59" + double(one.least),
        b"\x61" + double(one.most),
    )
    return field(1, b"".join(parts))
