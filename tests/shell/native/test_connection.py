"""One connection, frame by frame: what RFC 9113 allows, and the code that it names for everything else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.shell.native.http2 import frames as f
from extproc.shell.native.http2 import limits
from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.errors import Code
from extproc.shell.native.http2.events import Arrived, Gone, Opened, Over, Roomy
from extproc.shell.native.http2.frames import ACK, END_HEADERS, END_STREAM, HAS_PRIORITY, PADDED, frame
from extproc.shell.native.http2.settings import Setting
from tests.shell.native.wire import CALL, GREETING, block, cut, greeted, headers, of_kind, parsed, simple

HEADERS = b"\x88"
TRAILERS = b"\x00\x01a\x01b"
GET = (*((":method", "GET"), *CALL[1:4]), ("content-length", "4"))
FEEDS: list[Callable[[bytes], list[bytes]]] = [lambda data: [data], lambda data: [bytes([one]) for one in data]]
U32 = b"\x00\x00\x00\x01"


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _setting(name: int, value: int) -> bytes:
    return frame(f.SETTINGS, 0, 0, name.to_bytes(2, "big") + _number(value))


def _fault_of(connection: Connection, data: bytes, feed: Callable[[bytes], list[bytes]]) -> Code | None:
    """The code by which the connection ends, as an event and in GOAWAY; None when it goes on."""
    events = [event for piece in feed(data) for event in connection.receive(piece, 0.0)]
    over = [event.code for event in events if isinstance(event, Over)]
    goaways = [payload[4:8] for *_, payload in of_kind(connection.output(), f.GOAWAY)]
    assert goaways == [_number(code) for code in over]
    assert connection.over == bool(over)
    assert connection.receive(headers(101), 0.0) == [] or not over
    return over[0] if over else None


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
    "ENABLE_PUSH 2": (_setting(Setting.ENABLE_PUSH, 2), Code.PROTOCOL_ERROR),
    "a window too large": (_setting(Setting.INITIAL_WINDOW_SIZE, 1 << 31), Code.FLOW_CONTROL_ERROR),
    "a frame too small": (_setting(Setting.MAX_FRAME_SIZE, 16_383), Code.PROTOCOL_ERROR),
    "a frame too large": (_setting(Setting.MAX_FRAME_SIZE, 1 << 24), Code.PROTOCOL_ERROR),
    "a window that makes another too large": (
        headers(1) + f.window_update(1, 0x7FFFFFFF - 65_535) + _setting(Setting.INITIAL_WINDOW_SIZE, 70_000),
        Code.FLOW_CONTROL_ERROR,
    ),
    "PUSH_PROMISE": (frame(f.PUSH_PROMISE, END_HEADERS, 1, U32 + block()), Code.PROTOCOL_ERROR),
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
    assert _fault_of(greeted(), data, feed) is code


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
    assert of_kind(connection.output(), f.RST_STREAM) == [(f.RST_STREAM, 0, 1, _number(code))]
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
    "an unknown setting": _setting(0x99, 1),
    "a setting twice": frame(f.SETTINGS, 0, 0, b"\0\x04" + U32 + b"\0\x04" + _number(7)),
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
    assert _fault_of(Connection(), f.PREFACE + first, FEEDS[0]) is Code.PROTOCOL_ERROR


def test_greetings():
    connection = Connection()
    sent = parsed(connection.output())
    assert [(kind, stream_id) for kind, _, stream_id, _ in sent] == [(f.SETTINGS, 0), (f.WINDOW_UPDATE, 0)]
    assert dict(f.read_settings(sent[0][3]))[Setting.HEADER_TABLE_SIZE] == 0
    connection.receive(GREETING, 0.0)
    assert parsed(connection.output()) == [(f.SETTINGS, ACK, 0, b"")]
    connection.receive(frame(f.PING, 0, 0, b"12345678"), 0.0)
    assert parsed(connection.output()) == [(f.PING, ACK, 0, b"12345678")]


def test_a_call_from_beginning_to_end():
    connection = greeted()
    data = headers(1) + frame(f.DATA, 0, 1, b"abc") + frame(f.DATA, END_STREAM, 1, b"")
    assert simple(connection.receive(data, 0.0))[1:] == [("Arrived", 1, b"abc", True)]
    connection.respond(1, HEADERS)
    assert connection.send(1, b"1", b"23")
    connection.finish(1, TRAILERS)
    assert parsed(connection.output()) == [
        (f.HEADERS, END_HEADERS, 1, b"\x20" + HEADERS),
        (f.DATA, 0, 1, b"123"),
        (f.HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS),
    ]
    assert _fault_of(connection, headers(1), FEEDS[0]) is Code.STREAM_CLOSED


def test_what_was_under_way_when_we_ended_is_discarded():
    connection = greeted()
    connection.receive(headers(1), 0.0)
    connection.finish(1, TRAILERS)
    assert parsed(connection.output())[-1] == (f.RST_STREAM, 0, 1, _number(Code.NO_ERROR))
    late = frame(f.DATA, 0, 1, b"x") + headers(1, [("a", "b")], end=True) + f.window_update(1, 0) + f.reset(1, 8)
    assert connection.receive(late, 0.0) == []
    assert connection.output() == []


def test_a_reset_is_told_and_what_is_sent_on_goes_nowhere():
    connection = greeted()
    connection.receive(headers(1) + _setting(Setting.INITIAL_WINDOW_SIZE, 0), 0.0)
    connection.output()
    assert not connection.send(1, b"", b"waits")
    assert connection.receive(f.reset(1, Code.CANCEL), 0.0) == [Gone(1, Code.CANCEL)]
    connection.respond(1, HEADERS)
    assert connection.send(1, b"a", b"b")
    connection.finish(1, TRAILERS)
    assert connection.receive(f.window_update(0, 9), 0.0) == []
    assert connection.output() == []


def test_the_peers_windows_are_kept():
    connection = greeted()
    connection.receive(_setting(Setting.INITIAL_WINDOW_SIZE, 10) + headers(1) + headers(3), 0.0)
    connection.output()
    assert not connection.send(1, b"01", b"23456789abcd")
    assert connection.send(3, b"0123456789", b"")
    assert [(stream_id, payload) for _, _, stream_id, payload in parsed(connection.output())] == [(1, b"0123456789"), (3, b"0123456789")]
    connection.finish(1, TRAILERS)
    assert connection.output() == [], "the end waits behind the rest"
    assert connection.receive(f.window_update(1, 3), 0.0) == []
    assert parsed(connection.output()) == [(f.DATA, 0, 1, b"abc")]
    connection.receive(_setting(Setting.INITIAL_WINDOW_SIZE, 5), 0.0)
    connection.output()
    connection.receive(f.window_update(1, 5), 0.0)
    assert connection.output() == [], "its window was negative"
    connection.receive(f.window_update(1, 1), 0.0)
    assert [(kind, payload) for kind, _, _, payload in parsed(connection.output())][:2] == [(f.DATA, b"d"), (f.HEADERS, b"\x20" + TRAILERS)]


def test_room_is_told_when_everything_has_left():
    connection = greeted()
    connection.receive(_setting(Setting.INITIAL_WINDOW_SIZE, 1) + headers(1), 0.0)
    assert not connection.send(1, b"", b"abc")
    assert connection.receive(f.window_update(1, 1), 0.0) == []
    assert connection.receive(_setting(Setting.INITIAL_WINDOW_SIZE, 2), 0.0) == [Roomy(1)]
    assert b"".join(one[3] for one in of_kind(connection.output(), f.DATA)) == b"abc"


def test_streams_take_turns():
    connection = greeted()
    connection.receive(_setting(Setting.INITIAL_WINDOW_SIZE, 1 << 20) + b"".join(map(headers, (1, 3, 5, 7))), 0.0)
    for stream_id in (1, 3, 5, 7):
        connection.send(stream_id, b"", bytes(65_535))
    connection.output()
    connection.receive(f.window_update(0, 5 * 16_384), 0.0)
    assert [stream_id for _, _, stream_id, _ in parsed(connection.output())] == [3, 5, 7, 3, 5]


def test_frames_are_as_large_as_the_peer_takes_them():
    connection = greeted()
    connection.receive(f.window_update(0, 1 << 20) + headers(1) + f.window_update(1, 1 << 20), 0.0)
    connection.send(1, b"12345", bytes(40_000))
    assert [len(payload) for *_, payload in parsed(connection.output())] == [16_384, 16_384, 7237]
    connection.receive(_setting(Setting.MAX_FRAME_SIZE, 30_000), 0.0)
    connection.output()
    connection.send(1, b"12345", bytes(40_000))
    assert [len(payload) for *_, payload in parsed(connection.output())] == [30_000, 10_005]


def test_a_full_transport_holds_content_back():
    connection = greeted()
    connection.receive(headers(1), 0.0)
    connection.pause()
    assert not connection.send(1, b"", b"abc")
    assert connection.output() == []
    assert connection.resume() == [Roomy(1)]
    assert parsed(connection.output()) == [(f.DATA, 0, 1, b"abc")]


def test_the_peer_is_told_of_new_room_in_large_steps():
    connection = greeted()
    connection.receive(headers(1), 0.0)
    connection.read(1, limits.STREAM_WINDOW // 2 - 1)
    assert connection.output() == []
    connection.read(1, 1)
    assert parsed(connection.output()) == [(f.WINDOW_UPDATE, 0, 1, _number(limits.STREAM_WINDOW // 2))]


def test_more_than_a_streams_window_is_its_fault(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "STREAM_WINDOW", 20)
    connection = greeted()
    data = headers(1) + frame(f.DATA, 0, 1, bytes(15)) + frame(f.DATA, PADDED, 1, b"\x04" + bytes(5))
    assert Gone(1, Code.FLOW_CONTROL_ERROR) in connection.receive(data, 0.0)
    connection = greeted()
    connection.receive(headers(1) + frame(f.DATA, 0, 1, bytes(15)), 0.0)
    connection.read(1, 15)
    assert len(connection.receive(frame(f.DATA, 0, 1, bytes(15)), 0.0)) == 1


def test_the_connections_window_is_kept_open(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "CONNECTION_WINDOW", 100_000)
    connection = greeted()
    connection.receive(headers(1) + frame(f.DATA, 0, 1, bytes(10_000)) * 6, 0.0)
    assert parsed(connection.output()) == [(f.WINDOW_UPDATE, 0, 0, _number(60_000))]


def test_too_many_streams_are_refused():
    connection = greeted()
    connection.receive(b"".join(headers(number) for number in range(1, 2 * limits.STREAMS, 2)), 0.0)
    refused = 2 * limits.STREAMS + 1
    connection.receive(headers(refused), 0.0)
    assert parsed(connection.output()) == [(f.RST_STREAM, 0, refused, _number(Code.REFUSED_STREAM))]
    connection.finish(1, TRAILERS)
    assert [type(event) for event in connection.receive(headers(refused + 2), 0.0)] == [Opened]


FLOODS = {
    "pings": (frame(f.PING, 0, 0, bytes(8)), limits.IDLE_FRAMES),
    "settings": (frame(f.SETTINGS, 0, 0, b""), limits.IDLE_FRAMES),
    "priorities": (frame(f.PRIORITY, 0, 1, bytes(5)), limits.IDLE_FRAMES),
    "unknown": (frame(99, 0, 1, b""), limits.IDLE_FRAMES),
    "empty": (frame(f.DATA, 0, 1, b""), limits.IDLE_FRAMES),
    "resets": (b"", limits.RESETS),
}


@pytest.mark.parametrize(("one", "number"), FLOODS.values(), ids=FLOODS)
def test_floods_end_the_connection(one: bytes, number: int):
    connection = greeted()
    connection.receive(headers(1), 0.0)
    ids = iter(range(3, 100_000, 2))

    def some(count: int, now_s: float) -> None:
        for stream_id in (next(ids) for _ in range(count)):
            connection.receive(one or headers(stream_id) + f.reset(stream_id, 8), now_s)

    some(number - 5, 0.0)
    some(number - 5, limits.PERIOD_S)
    assert not connection.over, "every period has a budget of its own"
    some(6, limits.PERIOD_S)
    assert connection.over
    assert of_kind(connection.output(), f.GOAWAY)[0][3][4:8] == _number(Code.ENHANCE_YOUR_CALM)


def test_faults_that_we_are_made_to_find_count_like_resets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "RESETS", 3)
    connection = greeted()
    wrong = [headers(number, [("a", "b")]) for number in (1, 3, 5, 7)]
    assert _fault_of(connection, b"".join(wrong), FEEDS[0]) is Code.ENHANCE_YOUR_CALM


def test_one_that_sends_and_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "HELD_FRAMES", 10)
    connection = greeted()
    connection.pause()
    assert _fault_of(connection, frame(f.PING, 0, 0, bytes(8)) * 11, FEEDS[0]) is Code.ENHANCE_YOUR_CALM


def test_a_drain_lets_everything_end():
    connection = greeted()
    connection.receive(headers(1), 0.0)
    connection.drain()
    goaway, ping = parsed(connection.output())
    assert goaway == (f.GOAWAY, 0, 0, _number(0x7FFFFFFF) + _number(0))
    assert len(connection.receive(headers(3), 0.0)) == 1, "it was under way"
    connection.receive(frame(f.PING, ACK, 0, ping[3]), 0.0)
    assert parsed(connection.output()) == [(f.GOAWAY, 0, 0, _number(3) + _number(0))]
    assert connection.receive(headers(5) + frame(f.DATA, 0, 5, b"x"), 0.0) == []
    connection.finish(1, TRAILERS)
    assert not connection.finished
    connection.finish(3, TRAILERS)
    assert connection.finished


def test_a_peer_that_leaves_is_served_to_the_end():
    connection = greeted()
    connection.receive(headers(1) + frame(f.GOAWAY, 0, 0, bytes(8)), 0.0)
    assert not connection.finished
    connection.finish(1, TRAILERS)
    assert connection.finished


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
    st.binary(max_size=40) | st.just(block()) | st.sampled_from([_number(number) for number in (0, 1, 0x7FFFFFFF)]),
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
