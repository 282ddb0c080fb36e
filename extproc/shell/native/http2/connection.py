"""One connection, the server's side: bytes in, events and bytes out.

    connection = Connection()
    for event in connection.receive(data, now_s): …    # and as they come:
    connection.respond(…), .send(…), .finish(…)
    transport.writelines(connection.output())

Every frame has its method here. Faults are raised where they are found and end up in `receive`, the one place where they become
RST_STREAM or GOAWAY.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from extproc.shell.native.http2 import frames, limits
from extproc.shell.native.http2.blocks import Assembler, Block
from extproc.shell.native.http2.budget import Budget
from extproc.shell.native.http2.errors import Code, ConnectionFault, StreamFault
from extproc.shell.native.http2.events import Arrived, Event, Gone, Opened, Over, Roomy
from extproc.shell.native.http2.fields import BlockReader, check
from extproc.shell.native.http2.frames import ACK, END_STREAM, PADDED, Bytes, FrameReader
from extproc.shell.native.http2.sending import Outflow
from extproc.shell.native.http2.settings import OURS, read
from extproc.shell.native.http2.streams import HttpStream, State, Streams, judge

_ALL_STREAMS: Final = 0x7FFFFFFF
_DRAIN_PING: Final = b"draining"


class Connection:
    """A connection, from its first byte to its last."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._fields = BlockReader()
        self._out = Outflow()
        self._blocks = Assembler()
        self._streams = Streams()
        self._inflow = limits.CONNECTION_WINDOW
        self._resets = Budget(limits.RESETS)
        self._idle = Budget(limits.IDLE_FRAMES)
        self._events: list[Event] = []
        self._now_s = 0.0
        self._settled = False
        self._peer_leaves = False
        self.over = False
        """Nothing more is read: a fault has ended the connection."""
        self._out.frames += (frames.settings(OURS), frames.window_update(0, limits.CONNECTION_WINDOW - 65_535))

    # What the user does

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take bytes that have arrived at `now_s` (any clock that does not go back). Never raises, whatever they are."""
        events: list[Event] = []
        self._events = events
        self._now_s = now_s
        if self.over:
            return events
        try:
            for kind, flags, stream_id, payload in self._reader.feed(data):
                try:
                    self._take(kind, flags, stream_id, payload)
                except StreamFault as fault:
                    self._reset(fault.stream_id, fault.code)
            if self._out.paused and len(self._out.frames) > limits.HELD_FRAMES:
                raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "it sends and does not read")
        except ConnectionFault as fault:
            self.over = True
            self._out.frames.append(frames.goaway(self._streams.newest, fault.code, fault.reason))
            events.append(Over(fault.code))
        return events

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
        stream = self._streams.live.get(stream_id)
        if stream is None:
            return
        if stream.waiting:
            stream.last = block
            return
        self._out.headers(stream, block, end=True)
        if stream.open:  # the peer need not say the rest (RFC 9113, section 8.1)
            self._out.frames.append(frames.reset(stream_id, Code.NO_ERROR))
        self._streams.end(stream_id, State.DROPPED if stream.open else State.CLOSED)

    def read(self, stream_id: int, size: int) -> None:
        """Tell that bytes of a stream have been read, so that the peer may send as many more."""
        stream = self._streams.live.get(stream_id)
        if stream is not None and stream.open:
            stream.due += size
            if stream.due >= limits.STREAM_WINDOW // 2:
                self._out.frames.append(frames.window_update(stream_id, stream.due))
                stream.inflow += stream.due
                stream.due = 0

    def pause(self) -> None:
        """Tell that the transport has no room."""
        self._out.paused = True

    def resume(self) -> list[Event]:
        """Tell that it has room again."""
        self._out.paused = False
        self._events = []
        self._pump()
        return self._events

    def drain(self) -> None:
        """Ask the peer to open no further streams.

        The first GOAWAY names no stream, as some may be under way. When the peer has answered the ping behind it, it has heard of
        it, and the second one can name the newest (RFC 9113, section 6.8).
        """
        self._out.frames += (frames.goaway(_ALL_STREAMS, Code.NO_ERROR), frames.frame(frames.PING, 0, 0, _DRAIN_PING))

    def output(self) -> list[Bytes]:
        """Take what is to be written."""
        written, self._out.frames = self._out.frames, []
        return written

    @property
    def finished(self) -> bool:
        """Whether one side wants to leave and nothing is left to be done."""
        return self.over or ((self._peer_leaves or self._streams.last is not None) and not self._streams.live)

    # Frames

    def _take(self, kind: int, flags: int, stream_id: int, payload: Bytes) -> None:
        if self._blocks.stream_id and (kind != frames.CONTINUATION or stream_id != self._blocks.stream_id):
            raise ConnectionFault(Code.PROTOCOL_ERROR, "a header block is interrupted")
        if not self._settled:
            if kind != frames.SETTINGS or flags & ACK:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._settled = True
        if kind < len(self._TAKERS):
            self._TAKERS[kind](self, flags, stream_id, payload)
        else:
            self._be_idle()

    def _data(self, flags: int, stream_id: int, payload: Bytes) -> None:
        size = len(payload)
        self._inflow -= size
        if self._inflow < limits.CONNECTION_WINDOW // 2:
            if self._inflow < 0:
                raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "more than the connection's window")
            self._out.frames.append(frames.window_update(0, limits.CONNECTION_WINDOW - self._inflow))
            self._inflow = limits.CONNECTION_WINDOW
        stream = self._streams.live.get(stream_id)
        if stream is None or not stream.open:
            judge(self._streams.state(stream_id), frames.DATA, stream_id)
            return
        stream.inflow -= size
        if stream.inflow < 0:
            raise StreamFault(stream_id, Code.FLOW_CONTROL_ERROR, "more than the stream's window")
        if flags & PADDED:
            payload = frames.unpadded(stream_id, flags, payload)
            self.read(stream_id, size - len(payload))
        if stream.expected is not None:
            stream.count(len(payload))
        ended = flags & END_STREAM != 0
        if ended:
            stream.end()
        elif not payload:
            self._be_idle()
        self._events.append(Arrived(stream_id, payload, ended))

    def _headers(self, flags: int, stream_id: int, payload: Bytes) -> None:
        if (block := self._blocks.headers(flags, stream_id, payload)) is not None:
            self._begin_or_end(block)

    def _continuation(self, flags: int, _: int, payload: Bytes) -> None:
        if (block := self._blocks.continuation(flags, payload)) is not None:
            self._begin_or_end(block)

    def _begin_or_end(self, block: Block) -> None:
        """A header block begins a new stream, or is the trailers of one."""
        stream_id, content, ends = block
        if stream_id > self._streams.newest and self._streams.last is None:
            self._streams.newest = stream_id
            request = self._fields.request(stream_id, content)
            stream = HttpStream(stream_id, self._out.stream_window, request.length, ended=ends)
            if ends:
                stream.end()
            self._streams.open(stream)
            self._events.append(Opened(stream_id, request, ends))
            return
        fields = self._fields.decode(content)
        if judge(self._streams.state(stream_id), frames.HEADERS, stream_id):
            check(stream_id, fields)
            if not ends:
                raise StreamFault(stream_id, Code.PROTOCOL_ERROR, "trailers that are not the end")
            self._streams.live[stream_id].end()
            self._events.append(Arrived(stream_id, b"", ended=True))

    def _priority(self, _: int, stream_id: int, payload: Bytes) -> None:
        self._be_idle()
        if not stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PRIORITY of no stream")
        if len(payload) != 5:
            raise StreamFault(stream_id, Code.FRAME_SIZE_ERROR, "PRIORITY has 5 bytes")

    def _rst_stream(self, _: int, stream_id: int, payload: Bytes) -> None:
        _exactly(4, payload)
        if judge(self._streams.state(stream_id), frames.RST_STREAM, stream_id):
            self._spend_reset()
            self._end(stream_id, State.CLOSED)
            self._events.append(Gone(stream_id, frames.number(payload)))

    def _settings(self, flags: int, stream_id: int, payload: Bytes) -> None:
        self._be_idle()
        if stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & ACK:
            _exactly(0, payload)
            self._fields.forget_table()
            return
        self._out.obey(read(payload), self._streams.live.values())
        self._pump()

    def _push_promise(self, *_: object) -> None:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "PUSH_PROMISE of a client")

    def _ping(self, flags: int, stream_id: int, payload: Bytes) -> None:
        self._be_idle()
        if stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PING of a stream")
        _exactly(8, payload)
        if not flags & ACK:
            self._out.frames.append(frames.frame(frames.PING, ACK, 0, bytes(payload)))
        elif payload == _DRAIN_PING and self._streams.last is None:
            self._streams.last = self._streams.newest
            self._out.frames.append(frames.goaway(self._streams.last, Code.NO_ERROR))

    def _goaway(self, _: int, stream_id: int, payload: Bytes) -> None:
        if stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 8:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "GOAWAY has at least 8 bytes")
        self._peer_leaves = True

    def _window_update(self, _: int, stream_id: int, payload: Bytes) -> None:
        _exactly(4, payload)
        size = frames.number(payload) & 0x7FFFFFFF
        if stream_id and not judge(self._streams.state(stream_id), frames.WINDOW_UPDATE, stream_id):
            return
        if not size:
            if stream_id:
                raise StreamFault(stream_id, Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
            raise ConnectionFault(Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        self._out.widen(size, self._streams.live[stream_id] if stream_id else None)
        self._pump()

    # Streams

    def _end(self, stream_id: int, state: State) -> None:
        """A stream ends before its time."""
        self._out.forget(self._streams.live[stream_id])
        self._streams.end(stream_id, state)

    def _reset(self, stream_id: int, code: Code) -> None:
        """End a stream for a fault of the peer's; too many of them are as good a flood as its own resets."""
        self._spend_reset()
        self._out.frames.append(frames.reset(stream_id, code))
        if stream_id in self._streams.live:
            self._end(stream_id, State.DROPPED)
            self._events.append(Gone(stream_id, code))
        else:
            self._streams.end(stream_id, State.DROPPED)

    def _pump(self) -> None:
        for stream in self._out.pump():
            if stream.last is not None:
                self.finish(stream.id, stream.last)
            else:
                self._events.append(Roomy(stream.id))

    def _be_idle(self) -> None:
        if not self._idle.spend(self._now_s):
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many frames that move nothing")

    def _spend_reset(self) -> None:
        if not self._resets.spend(self._now_s):
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many resets")

    _TAKERS: Final[tuple[Callable[[Connection, int, int, Bytes], None], ...]] = (
        _data,
        _headers,
        _priority,
        _rst_stream,
        _settings,
        _push_promise,
        _ping,
        _goaway,
        _window_update,
        _continuation,
    )
    """Type of frame → its method."""


def _exactly(size: int, payload: Bytes) -> None:
    if len(payload) != size:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"a frame of {size} bytes has {len(payload)}")
