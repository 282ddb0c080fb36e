"""The cascade beside requests that verify answers (mode `shadow`): a few at once, each a task of its own that no client waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from extproc.core.commands import Call, CancelCall, Compared
from extproc.core.events import Event
from extproc.core.paths.asking import CallEvent
from extproc.core.paths.sent import Sent
from extproc.core.paths.shadow import ShadowPath
from extproc.shell.caller import Caller


class _DroppedError(Exception):
    """The call has said enough; raised through it, so that its connection is closed."""


class Shadows:
    """Runs comparisons; one per worker, which owns their tasks."""

    def __init__(
        self,
        caller: Caller,
        begin: Callable[[Sent], ShadowPath],
        report: Callable[[Compared], None],
        drop: Callable[[], None],
        most: int,
    ) -> None:
        """Run none yet.

        Args:
            caller: makes the model calls.
            begin: gives the state machine for a request.
            report: takes what comes of each.
            drop: is told of each that is not made, because `most` are at work.
            most: comparisons at once.
        """
        self._caller = caller
        self._begin = begin
        self._report = report
        self._drop = drop
        self.most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, sent: Sent) -> None:
        """Begin a comparison, where there is room for one; it does nothing before the caller of this yields."""
        if len(self._tasks) >= self.most:
            self._drop()
            return
        task = asyncio.create_task(self._run(sent), name="shadow")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel all that are at work."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, sent: Sent) -> None:
        path = self._begin(sent)
        call: Call | None = path.begin(monotonic())
        while call is not None:
            call = await self._make(call, path)

    async def _make(self, call: Call, path: ShadowPath) -> Call | None:
        """Make one call, to its end or to where it is dropped, and give the next."""
        following: Call | None = None

        async def tell(event: Event) -> None:
            nonlocal following
            commands = path.handle(event) if isinstance(event, CallEvent) else []
            for command in commands:
                match command:
                    case Call():
                        following = command
                    case Compared():
                        self._report(command)
            if any(isinstance(command, CancelCall) for command in commands):
                raise _DroppedError

        with suppress(_DroppedError):
            await self._caller.run(call, tell)
        return following
