"""One connection from its greeting to its end: calls, limits, floods, the drain."""

from __future__ import annotations

import pytest

from extproc.shell.native.http2 import frames as f
from extproc.shell.native.http2 import limits
from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.errors import Code
from extproc.shell.native.http2.events import Gone, Opened
from extproc.shell.native.http2.frames import ACK, END_HEADERS, END_STREAM, frame
from extproc.shell.native.http2.settings import Setting
from tests.shell.native.wire import (
    FEEDS,
    GREETING,
    HEADERS,
    TRAILERS,
    fault_of,
    greeted,
    headers,
    of_kind,
    parsed,
    setting,
    simple,
    u32,
)


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
    assert fault_of(connection, headers(1), FEEDS[0]) is Code.STREAM_CLOSED


def test_what_was_under_way_when_we_ended_is_discarded():
    connection = greeted()
    connection.receive(headers(1), 0.0)
    connection.finish(1, TRAILERS)
    assert parsed(connection.output())[-1] == (f.RST_STREAM, 0, 1, u32(Code.NO_ERROR))
    late = frame(f.DATA, 0, 1, b"x") + headers(1, [("a", "b")], end=True) + f.window_update(1, 0) + f.reset(1, 8)
    assert connection.receive(late, 0.0) == []
    assert connection.output() == []


def test_a_reset_is_told_and_what_is_sent_on_goes_nowhere():
    connection = greeted()
    connection.receive(headers(1) + setting(Setting.INITIAL_WINDOW_SIZE, 0), 0.0)
    connection.output()
    assert not connection.send(1, b"", b"waits")
    assert connection.receive(f.reset(1, Code.CANCEL), 0.0) == [Gone(1, Code.CANCEL)]
    connection.respond(1, HEADERS)
    assert connection.send(1, b"a", b"b")
    connection.finish(1, TRAILERS)
    assert connection.receive(f.window_update(0, 9), 0.0) == []
    assert connection.output() == []


def test_too_many_streams_are_refused():
    connection = greeted()
    connection.receive(b"".join(headers(number) for number in range(1, 2 * limits.STREAMS, 2)), 0.0)
    refused = 2 * limits.STREAMS + 1
    connection.receive(headers(refused), 0.0)
    assert parsed(connection.output()) == [(f.RST_STREAM, 0, refused, u32(Code.REFUSED_STREAM))]
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
    assert of_kind(connection.output(), f.GOAWAY)[0][3][4:8] == u32(Code.ENHANCE_YOUR_CALM)


def test_faults_that_we_are_made_to_find_count_like_resets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "RESETS", 3)
    connection = greeted()
    wrong = [headers(number, [("a", "b")]) for number in (1, 3, 5, 7)]
    assert fault_of(connection, b"".join(wrong), FEEDS[0]) is Code.ENHANCE_YOUR_CALM


def test_one_that_sends_and_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "HELD_FRAMES", 10)
    connection = greeted()
    connection.pause()
    assert fault_of(connection, frame(f.PING, 0, 0, bytes(8)) * 11, FEEDS[0]) is Code.ENHANCE_YOUR_CALM


def test_a_drain_lets_everything_end():
    connection = greeted()
    connection.receive(headers(1), 0.0)
    connection.drain()
    goaway, ping = parsed(connection.output())
    assert goaway == (f.GOAWAY, 0, 0, u32(0x7FFFFFFF) + u32(0))
    assert len(connection.receive(headers(3), 0.0)) == 1, "it was under way"
    connection.receive(frame(f.PING, ACK, 0, ping[3]), 0.0)
    assert parsed(connection.output()) == [(f.GOAWAY, 0, 0, u32(3) + u32(0))]
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
