"""What arrives on a connection: every frame has its method here, and the tables say which may come when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from extproc.shell.native.http2 import frames, limits
from extproc.shell.native.http2.blocks import Assembler, Block
from extproc.shell.native.http2.budget import Budget
from extproc.shell.native.http2.errors import Code, ConnectionFault, StreamFault
from extproc.shell.native.http2.events import Arrived, Event, Gone, Opened, Roomy
from extproc.shell.native.http2.fields import BlockReader, check
from extproc.shell.native.http2.frames import ACK, END_STREAM, PADDED, Bytes
from extproc.shell.native.http2.sending import Outflow
from extproc.shell.native.http2.settings import read
from extproc.shell.native.http2.streams import HttpStream, State, Streams, judge

DRAIN_PING: Final = b"draining"
"""The content of the ping by which we learn that the peer has heard of the drain."""

_Method = Callable[[Any, int, int, Bytes], None]


def _table(otherwise: _Method, methods: Mapping[int, _Method]) -> Sequence[_Method]:
    """Type of frame → its method: which frames may come, and what they do."""
    return tuple(methods.get(kind, otherwise) for kind in range(256))


class Inflow:
    """The receiving half of a connection. Faults are raised; what they lead to is the business of `Connection`."""

    def __init__(self, streams: Streams, out: Outflow) -> None:
        self.events: list[Event] = []
        """What has happened since it was last emptied."""
        self.now_s = 0.0
        self.peer_leaves = False
        self._streams = streams
        self._out = out
        self._blocks = Assembler()
        self._fields = BlockReader()
        self._window = limits.CONNECTION_WINDOW
        self._resets = Budget(limits.RESETS)
        self._idle = Budget(limits.IDLE_FRAMES)
        self._methods = self._AT_FIRST

    def take(self, kind: int, flags: int, stream_id: int, payload: Bytes) -> None:
        """Take a frame."""
        self._methods[kind](self, flags, stream_id, payload)

    def give_room(self, stream_id: int, size: int) -> None:
        """Bytes of a stream have been read: the peer may send as many more, of which it is told in large steps."""
        stream = self._streams.live.get(stream_id)
        if stream is not None and stream.open:
            stream.due += size
            if stream.due >= limits.STREAM_WINDOW // 2:
                self._out.frames.append(frames.window_update(stream_id, stream.due))
                stream.inflow += stream.due
                stream.due = 0

    def pump(self) -> None:
        """Send what has room now."""
        self.events += [Roomy(stream.id) for stream in self._out.pump()]

    # Frames

    def _data(self, flags: int, stream_id: int, payload: Bytes) -> None:
        size = len(payload)
        self._window -= size
        if self._window < limits.CONNECTION_WINDOW // 2:  # renewed long before its end, so nobody can overrun it
            self._out.frames.append(frames.window_update(0, limits.CONNECTION_WINDOW - self._window))
            self._window = limits.CONNECTION_WINDOW
        stream = self._streams.live.get(stream_id)
        if stream is None or not stream.open:
            judge(self._streams.state(stream_id), frames.DATA, stream_id)
            return
        stream.inflow -= size
        if stream.inflow < 0:
            raise StreamFault(stream_id, Code.FLOW_CONTROL_ERROR, "more than the stream's window")
        if flags & PADDED:
            payload = frames.unpadded(stream_id, flags, payload)
            self.give_room(stream_id, size - len(payload))
        if stream.expected is not None:
            stream.count(len(payload))
        ended = flags & END_STREAM != 0
        if ended:
            stream.end()
        elif not payload:
            self._be_idle()
        self.events.append(Arrived(stream_id, payload, ended))

    def _headers(self, flags: int, stream_id: int, payload: Bytes) -> None:
        block = self._blocks.headers(flags, stream_id, payload)
        if block is not None:
            self._begin_or_end(block)
        else:
            self._methods = self._IN_A_BLOCK

    def _continuation(self, flags: int, stream_id: int, payload: Bytes) -> None:
        block = self._blocks.continuation(flags, stream_id, payload)
        if block is not None:
            self._methods = self._ALWAYS
            self._begin_or_end(block)

    def _begin_or_end(self, block: Block) -> None:
        """A header block begins a new stream, or is the trailers of one."""
        stream_id, content, ends = block
        if stream_id > self._streams.newest and self._streams.last is None:
            self._streams.newest = stream_id
            request, trace = self._fields.request(stream_id, content)
            stream = HttpStream(stream_id, self._out.stream_window, request.length, ended=ends)
            if ends:
                stream.end()
            self._streams.open(stream)
            self.events.append(Opened(stream_id, request, trace, ends))
            return
        fields = self._fields.decode(content)
        if judge(self._streams.state(stream_id), frames.HEADERS, stream_id):
            check(stream_id, fields)
            if not ends:
                raise StreamFault(stream_id, Code.PROTOCOL_ERROR, "trailers that are not the end")
            self._streams.live[stream_id].end()
            self.events.append(Arrived(stream_id, b"", ended=True))

    def _priority(self, _: int, stream_id: int, payload: Bytes) -> None:
        self._be_idle()
        if not stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PRIORITY of no stream")
        _exactly(5, payload)

    def _rst_stream(self, _: int, stream_id: int, payload: Bytes) -> None:
        _exactly(4, payload)
        if judge(self._streams.state(stream_id), frames.RST_STREAM, stream_id):
            self._spend_reset()
            self._end(stream_id, State.CLOSED)
            self.events.append(Gone(stream_id, frames.number(payload)))

    def _settings(self, flags: int, stream_id: int, payload: Bytes) -> None:
        self._be_idle()
        if stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & ACK:
            _exactly(0, payload)
            self._fields.forget_table()
            return
        self._out.obey(read(payload), self._streams.live.values())
        self.pump()

    def _ping(self, flags: int, stream_id: int, payload: Bytes) -> None:
        self._be_idle()
        if stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PING of a stream")
        _exactly(8, payload)
        if not flags & ACK:
            self._out.frames.append(frames.frame(frames.PING, ACK, 0, bytes(payload)))
        elif payload == DRAIN_PING and self._streams.last is None:
            self._streams.last = self._streams.newest
            self._out.frames.append(frames.goaway(self._streams.last, Code.NO_ERROR))

    def _goaway(self, _: int, stream_id: int, payload: Bytes) -> None:
        if stream_id:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 8:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "GOAWAY has at least 8 bytes")
        self.peer_leaves = True

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
        self.pump()

    def _first_settings(self, flags: int, stream_id: int, payload: Bytes) -> None:
        if flags & ACK:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "SETTINGS are acknowledged before they are told")
        self._methods = self._ALWAYS
        self._settings(flags, stream_id, payload)

    def _unknown(self, *_: object) -> None:
        """A type that we do not know has no meaning to us (RFC 9113, section 5.5)."""
        self._be_idle()

    def _out_of_place(self, *_: object) -> None:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "a frame that may not come here")

    # Streams and floods

    def _end(self, stream_id: int, state: State) -> None:
        """A stream ends before its time."""
        self._out.forget(self._streams.live[stream_id])
        self._streams.end(stream_id, state)

    def reset(self, stream_id: int, code: Code) -> None:
        """End a stream for a fault of the peer's; too many of them are as good a flood as its own resets."""
        self._spend_reset()
        self._out.frames.append(frames.reset(stream_id, code))
        if stream_id in self._streams.live:
            self._end(stream_id, State.DROPPED)
            self.events.append(Gone(stream_id, code))
        else:
            self._streams.end(stream_id, State.DROPPED)

    def _be_idle(self) -> None:
        if not self._idle.spend(self.now_s):
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many frames that move nothing")

    def _spend_reset(self) -> None:
        if not self._resets.spend(self.now_s):
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many resets")

    _AT_FIRST: Final = _table(_out_of_place, {frames.SETTINGS: _first_settings})
    _IN_A_BLOCK: Final = _table(_out_of_place, {frames.CONTINUATION: _continuation})
    _ALWAYS: Final = _table(
        _unknown,
        {
            frames.DATA: _data,
            frames.HEADERS: _headers,
            frames.PRIORITY: _priority,
            frames.RST_STREAM: _rst_stream,
            frames.SETTINGS: _settings,
            frames.PUSH_PROMISE: _out_of_place,
            frames.PING: _ping,
            frames.GOAWAY: _goaway,
            frames.WINDOW_UPDATE: _window_update,
            frames.CONTINUATION: _out_of_place,
        },
    )


def _exactly(size: int, payload: Bytes) -> None:
    if len(payload) != size:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"a frame of {size} bytes has {len(payload)}")
