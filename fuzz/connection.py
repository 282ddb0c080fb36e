"""Targets: the native transport. Whatever a peer sends, it is answered or sent away; nothing is raised, nothing hangs, nothing grows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from extproc.shell.exchange import Stream
from extproc.shell.native.http2 import frames, limits
from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.events import Arrived, Event, Opened
from extproc.shell.native.http2.fields import block
from extproc.shell.native.server import NativeServer
from fuzz.cuts import pieces, told

GREETING: Final = frames.PREFACE + frames.settings({}) + frames.frame(frames.SETTINGS, frames.ACK, 0, b"")
_HEADERS: Final = block(200, [])
_TRAILERS: Final = block(None, [(b"a", b"b")])
_LARGEST: Final = 50_000
_SENT: Final = 70_000


def http2(data: bytes) -> None:
    """A connection, alone: the same for every cut, and again with somebody who answers."""
    how, data = told(data)
    data = (GREETING if how & 1 else b"") + data
    whole, cut = Connection(), Connection()
    for piece in pieces(data, 0):
        whole.receive(piece, 0.0)
    for piece in pieces(data, how // 8 + 1):
        cut.receive(piece, 0.0)
    said = _said(whole.output())
    assert said == _said(cut.output())
    assert len(said) <= 1000 + 4 * len(data)
    assert (whole.over, whole.finished) == (cut.over, cut.finished)
    _answered(data, how)


def _answered(data: bytes, how: int) -> None:
    connection, streams, out = Connection(), 0, 0
    for number, piece in enumerate(pieces(data, how // 4 + 1)):
        if how & 2 and number == 3:
            connection.pause()
        events = connection.receive(piece, 0.0)
        streams += _answer(connection, events)
        if how & 2 and number == 6:
            connection.resume()
        if number == how:
            connection.drain()
        out += len(_said(connection.output()))
        _bounded(connection)
    assert out <= 2000 + 4 * len(data) + streams * 2 * (_SENT + 1000)


def _answer(connection: Connection, events: Iterable[Event]) -> int:
    streams = 0
    for event in events:
        if isinstance(event, Opened):
            streams += 1
            connection.respond(event.stream_id, _HEADERS)
            connection.send(event.stream_id, b"pre", bytes(_SENT if event.stream_id % 4 == 1 else 10))
        elif isinstance(event, Arrived):
            connection.read(event.stream_id, len(event.data))
            if event.ended:
                connection.finish(event.stream_id, _TRAILERS)
    return streams


def _said(output: Iterable[bytes | memoryview]) -> bytes:
    """What is written; it must be whole frames of allowed sizes."""
    data, at = b"".join(output), 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 3], "big")
        assert length <= 0xFFFFFF
        at += 9 + length
    assert at == len(data)
    return data


def _bounded(connection: Connection) -> None:
    """What is kept for the peer is within its limits."""
    kept: Any = connection
    assert len(kept._streams.live) <= limits.STREAMS
    assert len(kept._streams._ended) <= limits.REMEMBERED
    assert len(kept._reader._held) <= limits.FRAME_BYTES + 9
    assert len(kept._in._blocks._content) <= limits.FIELD_BYTES + limits.FRAME_BYTES
    assert len(kept._in._fields._known) <= 512


class _Pipe:
    """Stands in for a socket's transport."""

    def __init__(self) -> None:
        self.closed = self.ended = False
        self.written: list[bytes | memoryview] = []

    def writelines(self, parts: Iterable[bytes | memoryview]) -> None:
        """Keep what is written."""
        assert not self.ended, "written after the end"
        self.written += parts

    def write_eof(self) -> None:
        """Hear that this was all."""
        assert not self.ended, "ended twice"
        self.ended = True

    def is_closing(self) -> bool:
        """Whether the server has had enough."""
        return self.closed

    def abort(self) -> None:
        """End."""
        self.closed = True


async def _echo(stream: Stream) -> None:
    while (message := await stream.read()) is not None:
        await stream.write(message)


async def _sleepy(stream: Stream) -> None:
    while (message := await stream.read()) is not None:
        await asyncio.sleep(0)
        await stream.write(message)


async def _early(stream: Stream) -> None:
    await stream.write(await stream.read() or b"")


async def _pouring(stream: Stream) -> None:
    await stream.read()
    for _ in range(10):
        await stream.write(bytes(20_000))


async def _deaf(_: Stream) -> None:
    await asyncio.Event().wait()


_HANDLERS: Final = (_echo, _sleepy, _early, _pouring, _deaf)


def calls(data: bytes) -> None:
    """A whole server without a socket: every call that is begun ends, and all is well with the loop."""
    how, data = told(data)
    _LOOP.run_until_complete(_served(how, GREETING + data))


async def _served(how: int, data: bytes) -> None:
    failures: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    server = NativeServer(_HANDLERS[how % len(_HANDLERS)], _LARGEST)
    peer, pipe = server.peer(), _Pipe()
    peer.connection_made(pipe)  # type: ignore[arg-type]
    for piece in pieces(data, how // len(_HANDLERS) * 16):
        peer.data_received(piece)
        await asyncio.sleep(0)
    _said(pipe.written)
    peer.connection_lost(None)
    for _ in range(5):
        await asyncio.sleep(0)
    left: Any = peer
    assert not left._calls
    assert len(asyncio.all_tasks()) == 1
    assert not failures, failures


_LOOP: Final = asyncio.new_event_loop()
