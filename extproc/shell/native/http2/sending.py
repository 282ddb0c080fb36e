"""What leaves a connection: frames in the order in which they were asked for, DATA as far as the peer and the transport have room."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from extproc.shell.native.http2.errors import Code, ConnectionFault, StreamFault
from extproc.shell.native.http2.fields import first
from extproc.shell.native.http2.frames import ACK, DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, Bytes, frame, head, reset
from extproc.shell.native.http2.settings import Setting
from extproc.shell.native.http2.streams import HttpStream, State, Streams

_LARGEST_WINDOW = 0x7FFFFFFF


class Outflow:
    """The sending half of a connection."""

    __slots__ = ("_blocked", "_first", "_streams", "frame_bytes", "frames", "paused", "stream_window", "window")

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self.frames: list[Bytes] = []
        """Ready to be written, in this order; a frame may come in several parts."""
        self.paused = False
        """The transport has no room: what is DATA stays with its stream."""
        self.window = 65_535
        self.stream_window = 65_535
        """The window of a new stream, as the peer has set it."""
        self.frame_bytes = 16_384
        """The largest frame that the peer accepts."""
        self._blocked: dict[HttpStream, None] = {}
        """Streams with something that waits, in the order of their turns."""
        self._first = True

    def headers(self, stream: HttpStream, block: bytes, *, end: bool) -> None:
        """Send a header block, which fits into one frame."""
        if self._first:
            block, self._first = first(block), False
        flags = END_HEADERS | END_STREAM if end else END_HEADERS
        self.frames.append(head(HEADERS, flags, stream.id, len(block)) + block)

    def data(self, stream: HttpStream, prefix: bytes, content: bytes) -> bool:
        """Send a prefix and what follows it. False: some of it waits for room."""
        size = len(prefix) + len(content)
        room = not stream.waiting and not self.paused
        if room and size <= self.frame_bytes and size <= stream.window and size <= self.window:  # nearly always
            stream.window -= size
            self.window -= size
            self.frames += (head(DATA, 0, stream.id, size), prefix, content)
            return True
        stream.waiting += (prefix, content) if content else (prefix,)
        self._blocked[stream] = None
        if room:
            self._serve(stream)
        return not stream.waiting

    def finish(self, stream: HttpStream, block: bytes) -> None:
        """End a stream by a header block, after all that waits."""
        if stream.waiting:
            stream.last = block
            return
        self.headers(stream, block, end=True)
        if stream.open:  # the peer need not say the rest (RFC 9113, section 8.1)
            self.frames.append(reset(stream.id, Code.NO_ERROR))
        self._streams.end(stream.id, State.DROPPED if stream.open else State.CLOSED)

    def forget(self, stream: HttpStream) -> None:
        """Let go of what a stream has to send."""
        self._blocked.pop(stream, None)
        stream.waiting.clear()

    def pump(self) -> list[HttpStream]:
        """Send what has room now, the streams in turns of one frame. Gives those that have nothing left to send."""
        done = []
        while self.window > 0 and not self.paused and (ready := [stream for stream in self._blocked if stream.window > 0]):
            for stream in ready:
                if self.window <= 0:
                    break
                self._frame(stream)
                del self._blocked[stream]
                if stream.waiting:
                    self._blocked[stream] = None  # behind the others
                elif stream.last is not None:
                    self.finish(stream, stream.last)
                else:
                    done.append(stream)
        return done

    def obey(self, settings: Iterable[tuple[int, int]], streams: Collection[HttpStream]) -> None:
        """Take the peer's settings. Of the others, none concerns a server that keeps no header table and pushes nothing."""
        for name, value in settings:
            if name == Setting.MAX_FRAME_SIZE:
                self.frame_bytes = value
            elif name == Setting.INITIAL_WINDOW_SIZE:
                self._rewindow(value, streams)
        self.frames.append(frame(SETTINGS, ACK, 0, b""))

    def _rewindow(self, size: int, streams: Collection[HttpStream]) -> None:
        """A new window for streams changes those that live, too (RFC 9113, section 6.9.2)."""
        change, self.stream_window = size - self.stream_window, size
        for stream in streams:
            stream.window += change
            if stream.window > _LARGEST_WINDOW:
                raise ConnectionFault(Code.FLOW_CONTROL_ERROR, f"stream {stream.id}: the window is too large")

    def widen(self, size: int, stream: HttpStream | None) -> None:
        """Take a WINDOW_UPDATE of a stream, or of the connection (None)."""
        if stream is None:
            self.window += size
            if self.window > _LARGEST_WINDOW:
                raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "the connection's window is too large")
        else:
            stream.window += size
            if stream.window > _LARGEST_WINDOW:
                raise StreamFault(stream.id, Code.FLOW_CONTROL_ERROR, "the window is too large")

    def _serve(self, stream: HttpStream) -> None:
        """Send all of one stream that has room; nobody else waits for a turn, or they would have had it."""
        while stream.waiting and stream.window > 0 and self.window > 0:
            self._frame(stream)
        if not stream.waiting:
            del self._blocked[stream]

    def _frame(self, stream: HttpStream) -> None:
        parts = stream.take(min(self.frame_bytes, stream.window, self.window))
        size = sum(map(len, parts))
        stream.window -= size
        self.window -= size
        self.frames.append(head(DATA, 0, stream.id, size))
        self.frames += parts
