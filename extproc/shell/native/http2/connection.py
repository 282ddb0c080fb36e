"""One connection, the server's side: bytes in, events and bytes out.

    connection = Connection()
    for event in connection.receive(data, now_s): …    # and as they come:
    connection.respond(…), .send(…), .finish(…)
    transport.writelines(connection.output())

Faults are raised where they are found (`receiving`, `sending`) and end up in `receive`, the one place where they become
RST_STREAM or GOAWAY.
"""

from __future__ import annotations

from typing import Final

from extproc.shell.native.http2 import frames, limits
from extproc.shell.native.http2.errors import Code, ConnectionFault, StreamFault
from extproc.shell.native.http2.events import Event, Over
from extproc.shell.native.http2.frames import Bytes, FrameReader
from extproc.shell.native.http2.receiving import DRAIN_PING, Inflow
from extproc.shell.native.http2.sending import Outflow
from extproc.shell.native.http2.settings import OURS
from extproc.shell.native.http2.streams import Streams

_ALL_STREAMS: Final = 0x7FFFFFFF


class Connection:
    """A connection, from its first byte to its last."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._streams = Streams()
        self._out = Outflow(self._streams)
        self._in = Inflow(self._streams, self._out)
        self.over = False
        """Nothing more is read: a fault has ended the connection."""
        self._out.frames += (frames.settings(OURS), frames.window_update(0, limits.CONNECTION_WINDOW - 65_535))

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take bytes that have arrived at `now_s` (any clock that does not go back). Never raises, whatever they are."""
        if self.over:
            return []
        self._in.now_s = now_s
        take = self._in.take
        try:
            for kind, flags, stream_id, payload in self._reader.feed(data):
                try:
                    take(kind, flags, stream_id, payload)
                except StreamFault as fault:
                    self._in.reset(fault.stream_id, fault.code)
            if self._out.paused and len(self._out.frames) > limits.HELD_FRAMES:
                raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "it sends and does not read")
        except ConnectionFault as fault:
            self.over = True
            self._out.frames.append(frames.goaway(self._streams.newest, fault.code, fault.reason))
            self._in.events.append(Over(fault.code))
        return self._events()

    def read(self, stream_id: int, size: int) -> None:
        """Tell that bytes of a stream have been read, so that the peer may send as many more."""
        self._in.give_room(stream_id, size)

    def respond(self, stream_id: int, block: bytes) -> None:
        """Send a header block on a stream. On one that has gone, this and the following do nothing."""
        if (stream := self._streams.live.get(stream_id)) is not None:
            self._out.headers(stream, block, end=False)

    def send(self, stream_id: int, prefix: bytes, content: bytes) -> bool:
        """Send bytes. False: some of them wait for room, and `Roomy` will tell when they have left."""
        stream = self._streams.live.get(stream_id)
        return stream is None or self._out.data(stream, prefix, content)

    def finish(self, stream_id: int, block: bytes) -> None:
        """End a stream by a last header block, after all that waits to be sent."""
        if (stream := self._streams.live.get(stream_id)) is not None:
            self._out.finish(stream, block)

    def pause(self) -> None:
        """Tell that the transport has no room."""
        self._out.paused = True

    def resume(self) -> list[Event]:
        """Tell that it has room again."""
        self._out.paused = False
        self._in.pump()
        return self._events()

    def drain(self) -> None:
        """Ask the peer to open no further streams.

        The first GOAWAY names no stream, as some may be under way. When the peer has answered the ping behind it, it has heard of
        it, and the second one can name the newest (RFC 9113, section 6.8).
        """
        self._out.frames += (frames.goaway(_ALL_STREAMS, Code.NO_ERROR), frames.frame(frames.PING, 0, 0, DRAIN_PING))

    def output(self) -> list[Bytes]:
        """Take what is to be written."""
        written, self._out.frames = self._out.frames, []
        return written

    @property
    def finished(self) -> bool:
        """Whether one side wants to leave and nothing is left to be done."""
        return self.over or ((self._in.peer_leaves or self._streams.last is not None) and not self._streams.live)

    def _events(self) -> list[Event]:
        told, self._in.events = self._in.events, []
        return told
