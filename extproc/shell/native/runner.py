"""Runs a handler by hand for as long as it waits for its own call, and as a task from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any


class Runner:
    """One handler. What it waits for is either of ours (`wait`, `wake`) or foreign.

    As long as it waits for nothing foreign it has no task: `wake` runs it on the spot until it waits again. So everything that
    follows from the bytes of one read of a socket happens at once, and leaves in one write. With the first foreign wait it
    becomes a task, for good. It notices no difference, as what is ours are futures like any other; only
    `asyncio.current_task()` is None before.
    """

    __slots__ = ("_context", "_coroutine", "_done", "_left", "_loop", "_ours", "_parked", "task")

    def __init__(self, done: Callable[[BaseException | None], None]) -> None:
        """Prepare. `done` is called once, when the handler has ended, with the error that ended it."""
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._ours: set[asyncio.Future[None]] = set()
        self._parked: asyncio.Future[None] | None = None
        self._left = False
        self.task: asyncio.Task[None] | None = None
        """The task, once it is one."""

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run the handler until it waits for the first time."""
        self._coroutine = coroutine
        self._step(coroutine)

    def wait(self) -> asyncio.Future[None]:
        """Give a future for the handler to await, which `wake` will end."""
        future = self._loop.create_future()
        if self.task is None:
            self._ours.add(future)
        return future

    def wake(self, future: asyncio.Future[None] | None) -> None:
        """Let the handler go on that waits for this, if any does."""
        if future is None or future.done():
            return
        self._ours.discard(future)
        future.set_result(None)
        if future is self._parked and self._coroutine is not None:
            self._step(self._coroutine)

    def leave(self) -> None:
        """Nobody is interested any more: cancel what waits for others, now or later. What waits for us is woken, and will find out."""
        self._left = True
        if self.task is not None:
            self.task.cancel()
        else:
            self.wake(self._parked)

    def _step(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._parked = None
        try:
            awaited = self._context.run(coroutine.send, None)
        except StopIteration:
            self._end(None)
        except (Exception, asyncio.CancelledError) as error:
            self._end(error)
        else:
            if awaited in self._ours:
                self._parked = awaited
            else:
                self.task = self._loop.create_task(_Rest(coroutine, awaited), context=self._context)
                self.task.add_done_callback(self._task_done)
                if self._left:
                    self.task.cancel()

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._end(asyncio.CancelledError() if task.cancelled() else task.exception())

    def _end(self, error: BaseException | None) -> None:
        self._coroutine = self.task = None
        # A call and its runner must not go on referring to each other: the bodies would live until the next collection.
        done, self._done = self._done, _nobody
        done(error)


def _nobody(_: BaseException | None) -> None:
    """Hear that it has ended, for those who have heard already."""


class _Rest(Coroutine[Any, Any, None]):
    """What is left of a coroutine that was begun by hand, as something that a task can run.

    Its first step gives what the coroutine waits for already. A class and no generator, so that a cancellation before that
    first step reaches the coroutine, too.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited
        self._begun = False

    def send(self, value: Any) -> Any:
        """Go on."""
        if self._begun:
            return self._coroutine.send(value)
        self._begun = True
        return self._awaited

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        self._begun = True
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("only a task may run this")
