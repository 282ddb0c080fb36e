"""Flow control, both ways: nothing is sent without room, and nobody waits for room that is there."""

from __future__ import annotations

import pytest

from extproc.shell.native.http2 import frames as f
from extproc.shell.native.http2 import limits
from extproc.shell.native.http2.errors import Code
from extproc.shell.native.http2.events import Gone, Roomy
from extproc.shell.native.http2.frames import PADDED, frame
from extproc.shell.native.http2.settings import Setting
from tests.shell.native.wire import (
    TRAILERS,
    greeted,
    headers,
    of_kind,
    parsed,
    setting,
    u32,
)


def test_the_peers_windows_are_kept():
    connection = greeted()
    connection.receive(setting(Setting.INITIAL_WINDOW_SIZE, 10) + headers(1) + headers(3), 0.0)
    connection.output()
    assert not connection.send(1, b"01", b"23456789abcd")
    assert connection.send(3, b"0123456789", b"")
    assert [(stream_id, payload) for _, _, stream_id, payload in parsed(connection.output())] == [(1, b"0123456789"), (3, b"0123456789")]
    connection.finish(1, TRAILERS)
    assert connection.output() == [], "the end waits behind the rest"
    assert connection.receive(f.window_update(1, 3), 0.0) == []
    assert parsed(connection.output()) == [(f.DATA, 0, 1, b"abc")]
    connection.receive(setting(Setting.INITIAL_WINDOW_SIZE, 5), 0.0)
    connection.output()
    connection.receive(f.window_update(1, 5), 0.0)
    assert connection.output() == [], "its window was negative"
    connection.receive(f.window_update(1, 1), 0.0)
    assert [(kind, payload) for kind, _, _, payload in parsed(connection.output())][:2] == [(f.DATA, b"d"), (f.HEADERS, b"\x20" + TRAILERS)]


def test_room_is_told_when_everything_has_left():
    connection = greeted()
    connection.receive(setting(Setting.INITIAL_WINDOW_SIZE, 1) + headers(1), 0.0)
    assert not connection.send(1, b"", b"abc")
    assert connection.receive(f.window_update(1, 1), 0.0) == []
    assert connection.receive(setting(Setting.INITIAL_WINDOW_SIZE, 2), 0.0) == [Roomy(1)]
    assert b"".join(one[3] for one in of_kind(connection.output(), f.DATA)) == b"abc"


def test_streams_take_turns():
    connection = greeted()
    connection.receive(setting(Setting.INITIAL_WINDOW_SIZE, 1 << 20) + b"".join(map(headers, (1, 3, 5, 7))), 0.0)
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
    connection.receive(setting(Setting.MAX_FRAME_SIZE, 30_000), 0.0)
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
    assert parsed(connection.output()) == [(f.WINDOW_UPDATE, 0, 1, u32(limits.STREAM_WINDOW // 2))]


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
    assert parsed(connection.output()) == [(f.WINDOW_UPDATE, 0, 0, u32(60_000))]
