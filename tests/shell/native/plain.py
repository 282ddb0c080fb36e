"""A plain HTTP/2 server on the pure connection, over TCP: it answers every request with a small body once it is whole."""

from __future__ import annotations

import asyncio
from typing import cast

from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.events import Arrived, Event, Opened
from extproc.shell.native.http2.fields import block

BODY = b"hello, h2spec"
_HEADERS = block(200, [(b"content-type", b"text/plain")])
_TRAILERS = block(None, [(b"x-end", b"1")])


class Plain(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._http = Connection()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self._http.receive(data, asyncio.get_running_loop().time()):
            self._tell(event)
        self._flush()

    def _tell(self, event: Event) -> None:
        if isinstance(event, Arrived):
            self._http.read(event.stream_id, len(event.data))
        if isinstance(event, Opened | Arrived) and event.ended:
            self._http.respond(event.stream_id, _HEADERS)
            self._http.send(event.stream_id, BODY, b"")
            self._http.finish(event.stream_id, _TRAILERS)

    def _flush(self) -> None:
        assert self._transport is not None
        self._transport.writelines(self._http.output())
        if self._http.finished:
            self._transport.close()
