"""Sockets and connections: the shell around `http2.Connection`."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Final, cast

from extproc.shell.limits import SLACK_BYTES
from extproc.shell.native.call import Call, Handler
from extproc.shell.native.grpc import opening
from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.events import Arrived, Event, Opened, Over, Roomy

METHOD: Final = b"/envoy.service.ext_proc.v3.ExternalProcessor/Process"
_BACKLOG: Final = 1024
_LINGER_S: Final = 2.0
"""How long the last words to a peer may wait for it to read them and to close."""


class NativeServer:
    """Serves until stopped."""

    def __init__(self, handle: Handler, max_body_bytes: int) -> None:
        self.handle = handle
        self.largest = max_body_bytes + SLACK_BYTES
        self.peers: set[Peer] = set()
        self._empty = asyncio.Event()
        self._listener: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Listen on a Unix socket that only this user may open; an old one in its place is removed."""
        self._listener = await asyncio.get_running_loop().create_unix_server(self.peer, sock=_bound(path), backlog=_BACKLOG)

    def peer(self) -> Peer:
        """Make the protocol of one connection."""
        return Peer(self)

    async def stop(self, grace_s: float) -> None:
        """Refuse new connections and streams, let those at work end within `grace_s`, then end them."""
        if self._listener is not None:
            self._listener.close()
        for peer in list(self.peers):
            peer.drain()
        try:
            async with asyncio.timeout(grace_s):
                await self._gone()
        except TimeoutError:
            tasks = [task for peer in list(self.peers) for task in peer.abort()]
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._gone()

    async def _gone(self) -> None:
        while self.peers:
            self._empty.clear()
            await self._empty.wait()

    def forget(self, peer: Peer) -> None:
        """A connection has ended."""
        self.peers.discard(peer)
        if not self.peers:
            self._empty.set()


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: NativeServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._http = Connection()
        self._calls: dict[int, Call] = {}
        self._transport: asyncio.Transport | None = None
        self._busy = False
        """A write follows anyway."""
        self._paused = False
        self._leaving = False
        """All has been said."""

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.peers.add(self)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, and answer in one write. What comes after our last words is for nobody."""
        if self._leaving:
            return
        self._tell(self._http.receive(data, self._loop.time()))

    def pause_writing(self) -> None:
        """Hold what is to be written."""
        self._paused = True
        self._http.pause()

    def resume_writing(self) -> None:
        """Write what was held."""
        self._paused = False
        self._tell(self._http.resume())

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """The peer has left every call."""
        for call in list(self._calls.values()):
            call.leave()
        self._server.forget(self)

    # What the server wants

    def drain(self) -> None:
        """Take no further calls, and end with the last."""
        self._http.drain()
        self._flush()

    def abort(self) -> list[asyncio.Task[None]]:
        """End now. Gives the tasks of handlers that end a little later."""
        for call in list(self._calls.values()):
            call.leave()
        self._flush()
        if self._transport is not None:
            self._transport.abort()
        return [call.task for call in self._calls.values() if call.task is not None]

    # Inside

    def _tell(self, events: list[Event]) -> None:
        self._busy = True
        for event in events:
            if isinstance(event, Opened):
                self._open(event)
            elif not isinstance(event, Over) and (call := self._calls.get(event.stream_id)) is not None:
                if isinstance(event, Arrived):
                    call.arrived(event.data, ended=event.ended)
                elif isinstance(event, Roomy):
                    call.go_on()
                else:
                    call.leave()
        self._flush()

    def _open(self, event: Opened) -> None:
        told = opening(event.request, METHOD)
        if told.refused is not None:
            self._http.finish(event.stream_id, told.refused)
            return
        call = self._calls[event.stream_id] = Call(self._http, event, told.timeout_s, self._server.largest)
        call.start(self._server.handle, self._touched, self._calls.__delitem__)
        if event.ended:
            call.arrived(b"", ended=True)

    def _touched(self) -> None:
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._busy = False
        if self._transport is None or self._leaving or (self._paused and not self._http.over):
            return
        if written := self._http.output():
            self._transport.writelines(written)
        if self._http.finished and not self._transport.is_closing():
            self._leaving = True
            # The peer closes when it has read all of it. Were it closed here, whatever the peer writes in the meantime would be an
            # error to it, and Envoy then forgets what it has not read.
            self._transport.write_eof()
            self._loop.call_later(_LINGER_S, self._transport.abort)


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    path.chmod(0o600)  # nobody can connect before it listens
    return bound
