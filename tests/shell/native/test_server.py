"""The socket, the drain, and connections that end without a word."""

from __future__ import annotations

import asyncio
import gc
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from extproc.shell.native.call import Call
from extproc.shell.native.http2 import frames as f
from extproc.shell.native.http2.frames import frame
from extproc.shell.native.http2.receiving import DRAIN_PING
from tests.shell.native.serving import Serving, client, serving
from tests.shell.native.wire import GREETING, headers, of_kind
from tests.support.system import until


def _connect(server: Serving) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(str(server.socket))
    return peer


def _rest(peer: socket.socket) -> bytes:
    """Everything until the server closes."""
    data = b""
    while piece := peer.recv(1 << 16):
        data += piece
    return data


def test_only_this_user_may_connect(tmp_path: Path):
    (tmp_path / "s").write_text("something old")
    with serving(tmp_path) as server:
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(server.socket.stat().st_mode)


def test_what_is_no_http2_is_told_so_and_closed(tmp_path: Path):
    with serving(tmp_path) as server, _connect(server) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert of_kind(_rest(peer), f.GOAWAY)[0][3][4:8] == b"\0\0\0\1"


def test_a_connection_that_is_gone_ends_its_calls(tmp_path: Path):
    with serving(tmp_path) as server:
        with _connect(server) as peer:
            calls = [headers(number, [*_CALL, ("traceparent", what)]) for number, what in ((1, "patient"), (3, "waiting"))]
            peer.sendall(GREETING + b"".join(calls) + frame(f.DATA, 0, 3, bytes(5)))
            until(lambda: server.told.total() == 2)
        until(lambda: server.told["patient ended"] and server.told["waiting cancelled"])
        assert server.server is not None
        until(lambda: not server.server.peers)


def test_messages_in_one_frame_and_over_many(tmp_path: Path):
    with serving(tmp_path) as server, _connect(server) as peer:
        messages = b"\0\0\0\0\1a" + b"\0\0\0\0\0" + b"\0\0\0\0\3bcd"
        cut = [frame(f.DATA, 0, 3, messages[at : at + 2]) for at in range(0, len(messages), 2)]
        ends = frame(f.DATA, f.END_STREAM, 1, b"") + frame(f.DATA, f.END_STREAM, 3, b"")
        peer.sendall(
            GREETING + headers(1) + frame(f.DATA, 0, 1, messages) + headers(3) + b"".join(cut) + ends + frame(f.GOAWAY, 0, 0, bytes(8))
        )
        data = _rest(peer)
    for stream_id in (1, 3):
        assert b"".join(payload for _, _, one, payload in of_kind(data, f.DATA) if one == stream_id) == messages


def test_a_message_that_is_cut(tmp_path: Path):
    with serving(tmp_path) as server, _connect(server) as peer:
        peer.sendall(GREETING + headers(1) + frame(f.DATA, f.END_STREAM, 1, b"\0\0\0\0\5ab") + frame(f.GOAWAY, 0, 0, bytes(8)))
        assert b"13" in of_kind(_rest(peer), f.HEADERS)[-1][3]


def test_a_peer_that_never_reads_does_not_hold_up_the_stop(tmp_path: Path):
    with serving(tmp_path) as server, _connect(server) as peer:
        peer.sendall(GREETING + f.window_update(0, 1 << 30) + f.settings({4: 1 << 30}) + headers(1, [*_CALL, ("traceparent", "pouring")]))
        peer.sendall(frame(f.DATA, 0, 1, bytes(5)))
        until(lambda: server.told["poured"])
        told = server.told
    assert told["pouring ended"] + told["pouring cancelled"] == 1


def _stop(server: Serving, grace_s: float) -> asyncio.Future[None]:
    assert server.loop is not None
    assert server.server is not None
    return asyncio.run_coroutine_threadsafe(server.server.stop(grace_s), server.loop)  # type: ignore[return-value]


def test_a_drain_lets_calls_end_and_takes_no_new_ones(tmp_path: Path):
    with serving(tmp_path) as server, client(server) as call:
        answers = call([b"x"], "waiting")
        until(lambda: server.told["waiting begun"])
        stopped = _stop(server, 20)
        until(lambda: _refused(call([b"y"])))
        assert not stopped.done()
        assert server.loop is not None
        server.loop.call_soon_threadsafe(server.go_on.set)
        assert list(answers) == [b"at last"]
        stopped.result(20)  # type: ignore[call-arg]


def test_a_drain_ends_when_its_time_is_up(tmp_path: Path):
    with serving(tmp_path) as server, client(server) as call:
        calls = [call([b"x"], what) for what in ("waiting", "waiting")]
        until(lambda: server.told["waiting begun"] == 2)
        _stop(server, 0.1).result(20)  # type: ignore[call-arg]
        assert server.told["waiting cancelled"] == 2
        for answers in calls:
            with pytest.raises(grpc.RpcError):
                list(answers)


@pytest.mark.parametrize("goes", [True, False])
def test_a_peer_that_still_speaks_reads_the_last_words(tmp_path: Path, goes: bool):
    """Envoy, too, would otherwise see an error when it writes, and forget what it has not read: a whole answer, perhaps."""
    with serving(tmp_path) as server, _connect(server) as peer:
        peer.sendall(GREETING + headers(1, [*_CALL, ("traceparent", "waiting")]) + frame(f.DATA, f.END_STREAM, 1, bytes(5)))
        until(lambda: server.told["waiting begun"])
        stopped = _stop(server, 20)
        heard = b""
        while DRAIN_PING not in heard:
            heard += peer.recv(1 << 16)
        peer.sendall(frame(f.PING, f.ACK, 0, DRAIN_PING))
        assert server.loop is not None
        server.loop.call_soon_threadsafe(server.go_on.set)
        until(lambda: server.told["waiting ended"])
        time.sleep(0.2)
        peer.sendall(frame(f.PING, 0, 0, bytes(8)))
        data = heard + _rest(peer)
        assert b"at last" in b"".join(payload for _, _, _, payload in of_kind(data, f.DATA))
        assert [payload[:4] for _, _, _, payload in of_kind(data, f.GOAWAY)] == [b"\x7f\xff\xff\xff", b"\0\0\0\1"]
        if goes:
            peer.close()
        stopped.result(20)  # type: ignore[call-arg]


def test_a_server_that_goes_away_under_traffic_loses_no_call_that_it_has_taken(tmp_path: Path):
    """Every call either comes back whole or was refused before its handler began."""
    with serving(tmp_path) as server, client(server) as call:
        answers = [call([b"x"] * 5, "sleepy") for _ in range(200)]
        stopped = _stop(server, 20)
        whole = sum(not _refused(one) for one in answers)
        stopped.result(20)  # type: ignore[call-arg]
        assert server.told["sleepy begun"] == server.told["sleepy ended"] == whole


def _refused(answers) -> bool:
    """Whether a call was not served at all. What is served, is served as a whole."""
    try:
        whole = list(answers)
    except grpc.RpcError:
        assert answers.code() is grpc.StatusCode.UNAVAILABLE
        return True
    assert len(set(whole)) == 1
    return False


_CALL = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/envoy.service.ext_proc.v3.ExternalProcessor/Process"),
    ("content-type", "application/grpc"),
]


def test_a_call_that_has_ended_is_gone_without_a_collection(tmp_path: Path):
    """Its messages would stay with it: a megabyte for each request, thousands of requests between two collections."""
    with serving(tmp_path) as running, client(running) as call:
        gc.collect()
        gc.disable()
        try:
            for what in ("echo", "sleepy", "early"):
                with suppress(grpc.RpcError):
                    list(call([b"x" * 1000], what))
            until(lambda: not [one for one in gc.get_objects() if isinstance(one, Call)])
        finally:
            gc.enable()
    assert running.told["sleepy ended"] == 1
