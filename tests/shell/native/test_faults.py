"""What RFC 9113 allows, frame by frame, and the code that it names for everything else; the same for every cut of the bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.shell.native.http2 import frames as f
from extproc.shell.native.http2 import limits
from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.errors import Code
from extproc.shell.native.http2.events import Arrived, Opened, Over
from extproc.shell.native.http2.frames import ACK, END_HEADERS, END_STREAM, HAS_PRIORITY, PADDED, frame
from extproc.shell.native.http2.settings import Setting
from tests.shell.native.wire import (
    CALL,
    FEEDS,
    HEADERS,
    TRAILERS,
    block,
    cut,
    fault_of,
    greeted,
    headers,
    of_kind,
    parsed,
    setting,
    simple,
    u32,
)

GET = (*((":method", "GET"), *CALL[1:4]), ("content-length", "4"))
ONE = u32(1)


CONNECTION_FAULTS = {
    "DATA of no stream": (frame(f.DATA, 0, 0, b"x"), Code.PROTOCOL_ERROR),
    "DATA on idle": (frame(f.DATA, 0, 1, b"x"), Code.PROTOCOL_ERROR),
    "DATA with too much padding": (headers(1) + frame(f.DATA, PADDED, 1, b"\x05abc"), Code.PROTOCOL_ERROR),
    "HEADERS of no stream": (headers(0), Code.PROTOCOL_ERROR),
    "HEADERS on an even stream": (headers(2), Code.PROTOCOL_ERROR),
    "HEADERS on a stream passed over": (headers(5) + headers(3), Code.PROTOCOL_ERROR),
    "HEADERS without its priority": (frame(f.HEADERS, END_HEADERS | HAS_PRIORITY, 1, b"\x00\x00"), Code.FRAME_SIZE_ERROR),
    "HEADERS that cannot be decoded": (frame(f.HEADERS, END_HEADERS, 1, b"\xbe"), Code.COMPRESSION_ERROR),
    "HEADERS after a reset": (headers(1) + f.reset(1, 8) + headers(1), Code.STREAM_CLOSED),
    "trailers that cannot be decoded": (headers(1) + frame(f.HEADERS, END_HEADERS | END_STREAM, 1, b"\xbe"), Code.COMPRESSION_ERROR),
    "something within a block": (frame(f.HEADERS, 0, 1, block()) + frame(f.PING, 0, 0, bytes(8)), Code.PROTOCOL_ERROR),
    "an unknown type within a block": (frame(f.HEADERS, 0, 1, block()) + frame(77, 0, 0, b""), Code.PROTOCOL_ERROR),
    "another stream within a block": (frame(f.HEADERS, 0, 1, block()) + frame(f.CONTINUATION, END_HEADERS, 3, b""), Code.PROTOCOL_ERROR),
    "CONTINUATION of nothing": (headers(1) + frame(f.CONTINUATION, END_HEADERS, 1, b""), Code.PROTOCOL_ERROR),
    "PRIORITY of no stream": (frame(f.PRIORITY, 0, 0, bytes(5)), Code.PROTOCOL_ERROR),
    "PRIORITY of 4 bytes": (headers(1) + frame(f.PRIORITY, 0, 1, bytes(4)), Code.FRAME_SIZE_ERROR),
    "RST_STREAM of no stream": (f.reset(0, 8), Code.PROTOCOL_ERROR),
    "RST_STREAM on idle": (f.reset(1, 8), Code.PROTOCOL_ERROR),
    "RST_STREAM of 3 bytes": (headers(1) + frame(f.RST_STREAM, 0, 1, bytes(3)), Code.FRAME_SIZE_ERROR),
    "SETTINGS of a stream": (frame(f.SETTINGS, 0, 1, b""), Code.PROTOCOL_ERROR),
    "SETTINGS of 5 bytes": (frame(f.SETTINGS, 0, 0, bytes(5)), Code.FRAME_SIZE_ERROR),
    "SETTINGS acknowledged with more": (frame(f.SETTINGS, ACK, 0, bytes(6)), Code.FRAME_SIZE_ERROR),
    "ENABLE_PUSH 2": (setting(Setting.ENABLE_PUSH, 2), Code.PROTOCOL_ERROR),
    "a window too large": (setting(Setting.INITIAL_WINDOW_SIZE, 1 << 31), Code.FLOW_CONTROL_ERROR),
    "a frame too small": (setting(Setting.MAX_FRAME_SIZE, 16_383), Code.PROTOCOL_ERROR),
    "a frame too large": (setting(Setting.MAX_FRAME_SIZE, 1 << 24), Code.PROTOCOL_ERROR),
    "a window that makes another too large": (
        headers(1) + f.window_update(1, 0x7FFFFFFF - 65_535) + setting(Setting.INITIAL_WINDOW_SIZE, 70_000),
        Code.FLOW_CONTROL_ERROR,
    ),
    "PUSH_PROMISE": (frame(f.PUSH_PROMISE, END_HEADERS, 1, ONE + block()), Code.PROTOCOL_ERROR),
    "PING of a stream": (frame(f.PING, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "PING of 7 bytes": (frame(f.PING, 0, 0, bytes(7)), Code.FRAME_SIZE_ERROR),
    "GOAWAY of a stream": (frame(f.GOAWAY, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "GOAWAY of 7 bytes": (frame(f.GOAWAY, 0, 0, bytes(7)), Code.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of nothing": (f.window_update(0, 0), Code.PROTOCOL_ERROR),
    "WINDOW_UPDATE on idle": (f.window_update(1, 1), Code.PROTOCOL_ERROR),
    "WINDOW_UPDATE of 3 bytes": (frame(f.WINDOW_UPDATE, 0, 0, bytes(3)), Code.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE beyond all measure": (f.window_update(0, 0x7FFFFFFF), Code.FLOW_CONTROL_ERROR),
    "too many CONTINUATIONs": (
        frame(f.HEADERS, 0, 1, block()) + frame(f.CONTINUATION, 0, 1, b"") * limits.CONTINUATIONS,
        Code.ENHANCE_YOUR_CALM,
    ),
    "a block without end": (
        frame(f.HEADERS, 0, 1, block()) + frame(f.CONTINUATION, 0, 1, bytes(16_000)) * 5,
        Code.ENHANCE_YOUR_CALM,
    ),
}


@pytest.mark.parametrize("feed", FEEDS, ids=["whole", "bytes"])
@pytest.mark.parametrize(("data", "code"), CONNECTION_FAULTS.values(), ids=CONNECTION_FAULTS)
def test_faults_of_the_connection(data: bytes, code: Code, feed: Callable[[bytes], list[bytes]]):
    assert fault_of(greeted(), data, feed) is code


STREAM_FAULTS = {
    "DATA after the end": (headers(1, end=True) + frame(f.DATA, 0, 1, b"x"), Code.STREAM_CLOSED),
    "HEADERS after the end": (headers(1, end=True) + headers(1, end=True), Code.STREAM_CLOSED),
    "DATA after a reset": (headers(1) + f.reset(1, 8) + frame(f.DATA, 0, 1, b"x"), Code.STREAM_CLOSED),
    "DATA on a stream passed over": (headers(1) + headers(5) + f.reset(1, 8) + frame(f.DATA, 0, 1, b"x"), Code.STREAM_CLOSED),
    "trailers that are not the end": (headers(1) + headers(1, [("a", "b")]), Code.PROTOCOL_ERROR),
    "trailers with a path": (headers(1) + headers(1, [(":path", "/")], end=True), Code.PROTOCOL_ERROR),
    "a malformed request": (headers(1, [("a", "b")]), Code.PROTOCOL_ERROR),
    "more than its length": (headers(1, GET) + frame(f.DATA, 0, 1, b"12345"), Code.PROTOCOL_ERROR),
    "less than its length": (headers(1, GET) + frame(f.DATA, END_STREAM, 1, b"123"), Code.PROTOCOL_ERROR),
    "nothing of its length": (headers(1, GET, end=True), Code.PROTOCOL_ERROR),
    "trailers before its length": (headers(1, GET) + headers(1, [("a", "b")], end=True), Code.PROTOCOL_ERROR),
    "WINDOW_UPDATE of nothing": (headers(1) + f.window_update(1, 0), Code.PROTOCOL_ERROR),
    "WINDOW_UPDATE beyond all measure": (headers(1) + f.window_update(1, 0x7FFFFFFF), Code.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("feed", FEEDS, ids=["whole", "bytes"])
@pytest.mark.parametrize(("data", "code"), STREAM_FAULTS.values(), ids=STREAM_FAULTS)
def test_faults_of_a_stream(data: bytes, code: Code, feed: Callable[[bytes], list[bytes]]):
    connection = greeted()
    for piece in feed(data):
        connection.receive(piece, 0.0)
    assert of_kind(connection.output(), f.RST_STREAM) == [(f.RST_STREAM, 0, 1, u32(code))]
    assert [type(event) for event in connection.receive(headers(7), 0.0)] == [Opened], "the others do not notice"


FINE = {
    "PRIORITY": frame(f.PRIORITY, 0, 9, bytes(5)),
    "HEADERS with priority and padding": frame(
        f.HEADERS, END_HEADERS | END_STREAM | HAS_PRIORITY | PADDED, 1, b"\x02" + bytes(5) + block() + b"\0\0"
    ),
    "a block in many frames": frame(f.HEADERS, END_STREAM, 1, block()[:3])
    + frame(f.CONTINUATION, 0, 1, b"")
    + frame(f.CONTINUATION, END_HEADERS, 1, block()[3:]),
    "an unknown type": frame(77, 255, 1, b"abc"),
    "an unknown setting": setting(0x99, 1),
    "a setting twice": frame(f.SETTINGS, 0, 0, b"\0\x04" + ONE + b"\0\x04" + u32(7)),
    "trailers": headers(1) + headers(1, [("a", "b")], end=True),
    "the length that was told": headers(1, GET) + frame(f.DATA, END_STREAM | PADDED, 1, b"\x021234xx"),
    "RST_STREAM twice": headers(1) + f.reset(1, 8) * 2,
    "RST_STREAM with an unknown code": headers(1) + f.reset(1, 0x7777),
    "WINDOW_UPDATE after a reset": headers(1) + f.reset(1, 8) + f.window_update(1, 1),
    "GOAWAY": frame(f.GOAWAY, 0, 0, bytes(8) + b"bye"),
    "PING": frame(f.PING, 0, 0, b"12345678"),
    "an answer to a ping that was not sent": frame(f.PING, ACK, 0, b"12345678"),
}


@pytest.mark.parametrize("feed", FEEDS, ids=["whole", "bytes"])
@pytest.mark.parametrize("data", FINE.values(), ids=FINE)
def test_what_is_allowed(data: bytes, feed: Callable[[bytes], list[bytes]]):
    connection = greeted()
    events = [event for piece in feed(data) for event in connection.receive(piece, 0.0)]
    assert not [event for event in events if isinstance(event, Over)]
    assert not of_kind(connection.output(), f.RST_STREAM)


@pytest.mark.parametrize("first", [headers(1), frame(f.PING, 0, 0, bytes(8)), frame(f.SETTINGS, ACK, 0, b""), frame(77, 0, 0, b"")])
def test_settings_come_first(first: bytes):
    assert fault_of(Connection(), f.PREFACE + first, FEEDS[0]) is Code.PROTOCOL_ERROR


PIECES = st.sampled_from(
    [
        *(data for data in FINE.values()),
        *(data for data, _ in STREAM_FAULTS.values()),
        *(headers(number, end=number % 4 == 1) for number in (1, 3, 5, 7, 9, 11)),
        *(frame(f.DATA, flags, number, b"some data") for number in (1, 3, 5) for flags in (0, END_STREAM)),
        *(f.reset(number, 8) for number in (1, 3, 5)),
    ]
)


@given(st.lists(PIECES, max_size=12), st.lists(st.integers(min_value=0), max_size=10))
@example([headers(1) + frame(f.DATA, 0, 1, bytes(5000)) + f.reset(1, 8) + frame(f.DATA, 0, 1, bytes(5000))], [100, 6000])
def test_every_cut_gives_the_same_events_and_bytes(pieces: list[bytes], places: list[int]):
    data = b"".join(pieces)
    told = []
    for feed in (FEEDS[0], lambda data: cut(data, places), FEEDS[1]):
        connection = greeted()
        events = [event for piece in feed(data) for event in connection.receive(piece, 0.0)]
        told.append((simple(events), b"".join(connection.output()), connection.finished))
    assert told[0] == told[1] == told[2]


FRAMES = st.builds(
    frame,
    st.integers(0, 11),
    st.integers(0, 255),
    st.integers(0, 9),
    st.binary(max_size=40) | st.just(block()) | st.sampled_from([u32(number) for number in (0, 1, 0x7FFFFFFF)]),
)


@given(st.lists(FRAMES | st.binary(max_size=20), max_size=40))
def test_garbage_never_raises(garbage: list[bytes]):
    connection = greeted()
    for piece in garbage:
        for event in connection.receive(piece, 0.0):
            if isinstance(event, Opened):
                connection.respond(event.stream_id, HEADERS)
                connection.send(event.stream_id, b"pre", bytes(70_000))
            elif isinstance(event, Arrived) and event.ended:
                connection.finish(event.stream_id, TRAILERS)
    parsed(connection.output())


@given(st.binary(max_size=300))
def test_garbage_from_the_start_never_raises(garbage: bytes):
    connection = Connection()
    connection.receive(garbage, 0.0)
    assert connection.over == (garbage[: len(f.PREFACE)] != f.PREFACE[: len(garbage)])
