"""One stream (RFC 9113, section 5.1), and what may come in which state."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum, auto

from extproc.shell.native.http2 import limits
from extproc.shell.native.http2.errors import Code, ConnectionFault, StreamFault
from extproc.shell.native.http2.frames import DATA, HEADERS, RST_STREAM, WINDOW_UPDATE, Bytes


class State(Enum):
    """Where a stream is. We end a stream as a whole, so there is no half-closed (local)."""

    IDLE = auto()
    OPEN = auto()
    HALF_CLOSED = auto()
    """The peer has ended its side."""
    DROPPED = auto()
    """We have ended it; what the peer sent before it heard of that is still to come."""
    CLOSED = auto()
    """The peer has ended it by RST_STREAM, or both sides have."""
    FORGOTTEN = auto()
    """Passed over by a higher number, or ended so long ago that we do not know how."""


class Verdict(Enum):
    """What to do with a frame."""

    TAKE = auto()
    DISCARD = auto()
    RESET = auto()
    """A fault of the stream, STREAM_CLOSED."""
    BREAK_CLOSED = auto()
    """A fault of the connection, STREAM_CLOSED."""
    BREAK = auto()
    """A fault of the connection, PROTOCOL_ERROR."""


RECEIVED: Mapping[State, Mapping[int, Verdict]] = {
    state: dict(zip((HEADERS, DATA, RST_STREAM, WINDOW_UPDATE), verdicts, strict=True))
    for state, verdicts in {
        #                  HEADERS               DATA             RST_STREAM       WINDOW_UPDATE
        State.IDLE: (Verdict.TAKE, Verdict.BREAK, Verdict.BREAK, Verdict.BREAK),
        State.OPEN: (Verdict.TAKE, Verdict.TAKE, Verdict.TAKE, Verdict.TAKE),
        State.HALF_CLOSED: (Verdict.RESET, Verdict.RESET, Verdict.TAKE, Verdict.TAKE),
        State.DROPPED: (Verdict.DISCARD, Verdict.DISCARD, Verdict.DISCARD, Verdict.DISCARD),
        State.CLOSED: (Verdict.BREAK_CLOSED, Verdict.RESET, Verdict.DISCARD, Verdict.DISCARD),
        State.FORGOTTEN: (Verdict.BREAK, Verdict.RESET, Verdict.DISCARD, Verdict.DISCARD),
    }.items()
}
"""(state, type of frame) → verdict. PRIORITY is welcome in every state and does nothing."""


def judge(state: State, kind: int, stream_id: int) -> bool:
    """Look a frame up in the table: True to take it, False to discard it, else the fault."""
    match RECEIVED[state][kind]:
        case Verdict.TAKE:
            return True
        case Verdict.DISCARD:
            return False
        case Verdict.RESET:
            raise StreamFault(stream_id, Code.STREAM_CLOSED, f"type {kind} after the end")
        case Verdict.BREAK_CLOSED:
            raise ConnectionFault(Code.STREAM_CLOSED, f"stream {stream_id}: type {kind} after the end")
        case Verdict.BREAK:
            raise ConnectionFault(Code.PROTOCOL_ERROR, f"stream {stream_id}: type {kind} on a stream that is not open")


class HttpStream:
    """A stream that lives."""

    __slots__ = ("due", "expected", "id", "inflow", "last", "open", "waiting", "window")

    def __init__(self, stream_id: int, window: int, expected: int | None, *, ended: bool) -> None:
        self.id = stream_id
        self.open = not ended
        """The peer may send more."""
        self.window = window
        """Bytes that we may send; negative when the peer has made its windows smaller."""
        self.inflow = limits.STREAM_WINDOW
        """Bytes that the peer may send."""
        self.due = 0
        """Bytes that are read, and whose room the peer has not been told of yet."""
        self.expected = expected
        """Bytes that are missing from the content-length that was told."""
        self.waiting: deque[Bytes] = deque()
        """What is to be sent and finds no room."""
        self.last: bytes | None = None
        """Trailers that follow what waits."""

    def count(self, size: int) -> None:
        """Count bytes of content against the content-length. StreamFault where they are more."""
        if self.expected is not None:
            self.expected -= size
            if self.expected < 0:
                raise StreamFault(self.id, Code.PROTOCOL_ERROR, "more content than its length")

    def end(self) -> None:
        """The peer has ended its side. StreamFault where content is missing."""
        self.open = False
        if self.expected:
            raise StreamFault(self.id, Code.PROTOCOL_ERROR, "less content than its length")

    def take(self, most: int) -> list[Bytes]:
        """Take up to `most` bytes from what waits."""
        taken: list[Bytes] = []
        while self.waiting and most > 0:
            part = self.waiting[0]
            if len(part) <= most:
                taken.append(self.waiting.popleft())
            else:
                taken.append(memoryview(part)[:most])
                self.waiting[0] = memoryview(part)[most:]
            most -= len(taken[-1])
        return taken


class Streams:
    """The streams of a connection: those that live, and how the latest of the others ended."""

    __slots__ = ("_ended", "last", "live", "newest")

    def __init__(self) -> None:
        self.live: dict[int, HttpStream] = {}
        self.newest = 0
        self.last: int | None = None
        """The newest that is served at all, once we have told the peer so."""
        self._ended: dict[int, State] = {}

    def open(self, stream: HttpStream) -> None:
        """Let a stream live. StreamFault where too many do."""
        if len(self.live) >= limits.STREAMS:
            raise StreamFault(stream.id, Code.REFUSED_STREAM, "too many streams")
        self.live[stream.id] = stream

    def end(self, stream_id: int, state: State) -> None:
        """Let it live no longer, and remember why."""
        self.live.pop(stream_id, None)
        if len(self._ended) >= limits.REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self._ended[stream_id] = state

    def state(self, stream_id: int) -> State:
        """Give the state of any stream."""
        stream = self.live.get(stream_id)
        if stream is not None:
            return State.OPEN if stream.open else State.HALF_CLOSED
        if stream_id > self.newest or not stream_id & 1:
            # When no more are served, one that is new was under way while we said so.
            return State.IDLE if self.last is None else State.DROPPED
        return self._ended.get(stream_id, State.FORGOTTEN)
