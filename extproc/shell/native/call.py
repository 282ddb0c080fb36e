"""One call: the `Stream` that a handler talks to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Final, cast

from extproc.shell.exchange import Stream
from extproc.shell.native.grpc import HEADERS, MessageReader, Status, StatusError, prefix, trailers
from extproc.shell.native.http2.connection import Connection
from extproc.shell.native.http2.events import Opened
from extproc.shell.native.http2.frames import Bytes
from extproc.shell.native.runner import Runner

Handler = Callable[[Stream], Coroutine[Any, Any, None]]

_BATCH: Final = 64 << 10
"""Bytes that are read before the connection is told so."""
_OVERHEAD: Final = 64
"""Counted for every unread message beside its bytes, so that empty ones do not come for nothing."""


class Call:
    """A call from its opening to its end. One reads and one writes at a time."""

    __slots__ = (
        "_answered",
        "_due",
        "_ended",
        "_http",
        "_left",
        "_messages",
        "_reader",
        "_reading",
        "_runner",
        "_stream_id",
        "_timeout_s",
        "_timer",
        "_trace",
        "_unread",
        "_writing",
        "done",
        "touched",
    )

    def __init__(self, http: Connection, opened: Opened, timeout_s: float | None, largest: int) -> None:
        self._http = http
        self._stream_id = opened.stream_id
        self._trace = opened.trace
        self._timeout_s = timeout_s
        self._reader = MessageReader(largest)
        self._runner = Runner(self._end)
        self._messages: deque[bytes] = deque()
        self._unread = 0
        """Bytes in `_messages`."""
        self._due = 0
        """Bytes that came, for which the peer has not been given new room."""
        self._ended = False
        self._left = False
        self._answered = False
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, handle: Handler, touched: Callable[[], None], done: Callable[[int], object]) -> None:
        """Run the handler. `touched` is told when there is something to be written, `done` when the handler has ended."""
        self.touched = touched
        self.done = done
        if self._timeout_s is not None:
            self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._expire)
        self._runner.start(handle(self))

    # What the handler sees

    def traceparent(self) -> str:
        """Give the trace context that Envoy has sent along; empty for none."""
        return self._trace.decode("latin-1")

    async def read(self) -> bytes | None:
        """Give the next message; None when the peer has ended its side, or has left."""
        while not self._messages:
            if self._ended:
                return None
            self._reading = self._runner.wait()
            await self._reading
        message = self._messages.popleft()
        self._unread -= len(message) + _OVERHEAD
        self._give_room()
        return message

    def write(self, message: bytes) -> Awaitable[None]:
        """Send a message; to be awaited, which takes as long as the peer has no room for it. To one that has left it goes nowhere."""
        if self._left:
            return _NOTHING
        if not self._answered:
            self._answered = True
            self._http.respond(self._stream_id, HEADERS)
        self.touched()
        return _NOTHING if self._http.send(self._stream_id, prefix(message), message) else self._room()

    async def _room(self) -> None:
        self._writing = self._runner.wait()
        await self._writing

    # What the connection tells

    def arrived(self, data: Bytes, *, ended: bool) -> None:
        """Take bytes of the peer's. `ended`: they were the last."""
        try:
            messages = self._reader.feed(data)
            if ended and not self._reader.whole:
                raise StatusError(Status.INTERNAL, "the last message is cut")
        except StatusError as error:
            self._finish(error.status, error.message)
            self.leave()
            return
        self._due += len(data)
        for message in messages:
            self._messages.append(message)
            self._unread += len(message) + _OVERHEAD
        self._give_room()
        self._ended |= ended
        if messages or ended:
            self._runner.wake(self._reading)

    def go_on(self) -> None:
        """All that was written has left: there is room for more."""
        self._runner.wake(self._writing)

    def leave(self) -> None:
        """The peer has left: there is nothing to read, writes go nowhere, and a handler that waits for other things is cancelled."""
        self._messages.clear()
        self._ended = self._left = True
        self._runner.leave()

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The handler's task, where it has become one."""
        return self._runner.task

    def _give_room(self) -> None:
        """Let the peer send as much as was read. Of a message that is not whole, what there is counts as read: its size has a limit."""
        if self._due - self._unread > _BATCH:
            self._http.read(self._stream_id, self._due - self._unread)
            self._due = self._unread
            self.touched()

    # How it ends

    def _end(self, error: BaseException | None) -> None:
        """The handler has ended, and so does the call. The one place where its errors become a status."""
        match error:
            case None:
                self._finish(Status.OK)
            case asyncio.CancelledError():
                self._finish(Status.CANCELLED)
            case _:
                self._finish(Status.INTERNAL, "the processor failed")
                told = {"message": "a call's handler failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)
        self.done(self._stream_id)

    def _expire(self) -> None:
        self._finish(Status.DEADLINE_EXCEEDED, "deadline exceeded")
        self.leave()

    def _finish(self, status: Status, message: str = "") -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._http.finish(self._stream_id, trailers(status, message, alone=not self._answered))
        self.touched()


class _Nothing:
    """An awaitable that is done."""

    __slots__ = ()

    def __await__(self) -> Iterator[Any]:
        return iter(())


_NOTHING: Final = cast("Awaitable[None]", _Nothing())
