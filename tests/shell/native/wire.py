"""Bytes of a client, and what is in the bytes of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from struct import Struct

from hpack import Encoder

from extproc.shell.native.http2 import frames
from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.errors import Code
from extproc.shell.native.http2.events import Event, Over
from extproc.shell.native.http2.frames import ACK, END_HEADERS, END_STREAM, PREFACE, SETTINGS, frame
from extproc.shell.native.server import METHOD

_HEAD = Struct(">HBBBI")

GREETING = PREFACE + frame(SETTINGS, 0, 0, b"") + frame(SETTINGS, ACK, 0, b"")
CALL = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", METHOD.decode()),
    (":authority", "extproc"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
)

HEADERS = b"\x88"
"""The block of an answer."""
TRAILERS = b"\x00\x01a\x01b"
FEEDS: list[Callable[[bytes], list[bytes]]] = [lambda data: [data], lambda data: [bytes([one]) for one in data]]
"""Whole, and byte by byte."""


def u32(value: int) -> bytes:
    """32 bits."""
    return value.to_bytes(4, "big")


def setting(name: int, value: int) -> bytes:
    """SETTINGS with one value."""
    return frame(SETTINGS, 0, 0, name.to_bytes(2, "big") + u32(value))


def block(fields: Iterable[tuple[str, str]] = CALL, *, huffman: bool = True) -> bytes:
    """A header block that refers to no table."""
    encoder = Encoder()
    encoder.header_table_size = 0
    encoded: bytes = encoder.encode(fields, huffman=huffman)
    return encoded.lstrip(b"\x20")  # the table size update


def headers(stream_id: int, fields: Iterable[tuple[str, str]] = CALL, *, end: bool = False) -> bytes:
    """HEADERS of one frame."""
    return frame(frames.HEADERS, END_HEADERS | (END_STREAM if end else 0), stream_id, block(fields))


def parsed(output: Sequence[bytes | memoryview] | bytes) -> list[tuple[int, int, int, bytes]]:
    """Frames of the server: type, flags, stream, payload."""
    data = output if isinstance(output, bytes) else b"".join(output)
    at, found = 0, []
    while at < len(data):
        high, low, kind, flags, stream_id = _HEAD.unpack_from(data, at)
        end = at + 9 + (high << 8 | low)
        found.append((kind, flags, stream_id, data[at + 9 : end]))
        at = end
    return found


def of_kind(output: Sequence[bytes | memoryview] | bytes, kind: int) -> list[tuple[int, int, int, bytes]]:
    """Those of one type."""
    return [one for one in parsed(output) if one[0] == kind]


def greeted() -> Connection:
    """A connection after its greetings, with nothing left to be written."""
    connection = Connection()
    assert connection.receive(GREETING, 0.0) == []
    connection.output()
    return connection


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """The same bytes in pieces."""
    places = [0, *sorted({place % (len(data) + 1) for place in at}), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def simple(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """Events without what depends on how the bytes were cut.

    Pieces of one stream's data become one, and what came of a frame before the fault in it is left out.
    """
    told: list[tuple[object, ...]] = []
    for event in events:
        name, rest = type(event).__name__, tuple(event)
        if name == "Arrived":
            stream_id, data, ended = rest
            before = told[-1] if told else ("",)
            if before[0] == "Arrived" and before[1] == stream_id and not before[3]:
                told[-1] = ("Arrived", stream_id, bytes(before[2]) + bytes(data), ended)  # type: ignore[arg-type, call-overload]
                continue
            rest = (stream_id, bytes(data), ended)
        elif name == "Gone" and told and told[-1][:2] == ("Arrived", rest[0]):
            told.pop()
        elif name == "Opened":
            rest = (rest[0], rest[1].method, rest[1].path, tuple(rest[1].fields), *rest[2:])
        told.append((name, *rest))
    return told


def fault_of(connection: Connection, data: bytes, feed: Callable[[bytes], list[bytes]]) -> Code | None:
    """The code by which the connection ends, as an event and in GOAWAY; None when it goes on."""
    events = [event for piece in feed(data) for event in connection.receive(piece, 0.0)]
    over = [event.code for event in events if isinstance(event, Over)]
    goaways = [payload[4:8] for *_, payload in of_kind(connection.output(), frames.GOAWAY)]
    assert goaways == [u32(code) for code in over]
    assert connection.over == bool(over)
    assert connection.receive(headers(101), 0.0) == [] or not over
    return over[0] if over else None
