"""One HTTP exchange between a transport and the core: read → event → session → commands → write, with side calls in between.

A transport is anything that moves wire messages (bytes of `ProcessingRequest` and `ProcessingResponse`); nothing here knows gRPC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Protocol

from extproc.core import commands as do
from extproc.core.events import Event
from extproc.core.session import Session
from extproc.shell.caller import Caller
from extproc.shell.telemetry import Meters
from extproc.shell.translate import Translator


class Stream(Protocol):
    """One ext_proc stream of a transport."""

    def metadata(self) -> Mapping[str, str]:
        """Give the metadata that the stream was opened with."""

    async def read(self) -> bytes | None:
        """Give the next message; None when Envoy has closed its side (also when the client has left)."""

    def write(self, message: bytes) -> Awaitable[None]:
        """Send a message; the result is awaited until the transport has room for more."""


class BrokenOffError(Exception):
    """The response was broken off on purpose; the transport must end the stream with an error."""


@dataclass(frozen=True, slots=True)
class _Left:
    """Envoy has closed its side of the stream."""


class Exchange:
    """Runs one exchange over one stream."""

    def __init__(self, stream: Stream, open_session: Callable[[Mapping[str, str]], Session], caller: Caller, meters: Meters) -> None:
        self._stream = stream
        self._session = open_session(stream.metadata())
        self._caller = caller
        self._meters = meters
        self._translator = Translator()
        self._inbox: asyncio.Queue[Event | _Left] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Converse until one side leaves. BrokenOffError asks the transport for an error end; side calls never outlive this."""
        try:
            while (message := await self._stream.read()) is not None:
                if not await self._take(message):
                    return
                if self._inbox is not None:
                    await self._converse(self._inbox)
                    return
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, message: bytes) -> bool:
        began = perf_counter()
        event = self._translator.event(message, monotonic())
        if event is None:
            return True
        commands = self._session.handle(event)
        replies = [(command, self._translator.reply(command)) for command in commands]
        self._meters.spent(type(event), perf_counter() - began)
        return await self._send(replies)

    async def _act(self, event: Event) -> bool:
        return await self._send([(command, self._translator.reply(command)) for command in self._session.handle(event)])

    async def _send(self, replies: list[tuple[do.Command, bytes | None]]) -> bool:
        """Write what is Envoy's, do what is ours. False: the exchange is over for us."""
        for command, message in replies:
            if message is not None:
                await self._stream.write(message)
            elif isinstance(command, do.Call):
                self._start(command)
            elif isinstance(command, do.Abort):
                raise BrokenOffError
            elif isinstance(command, do.Leave):
                return False
        return True

    def _start(self, call: do.Call) -> None:
        # Bounded, so that a fast model cannot fill the memory of a worker whose Envoy is slow.
        inbox = self._inbox = self._inbox or asyncio.Queue(maxsize=8)
        self._tasks.append(asyncio.create_task(self._caller.run(call, inbox.put), name="call"))

    async def _converse(self, inbox: asyncio.Queue[Event | _Left]) -> None:
        """Serve Envoy and the side calls from one queue, in the order in which things happen."""
        self._tasks.append(asyncio.create_task(self._listen(inbox), name="listen"))
        while not isinstance(event := await inbox.get(), _Left):
            if not await self._act(event):
                return

    async def _listen(self, inbox: asyncio.Queue[Event | _Left]) -> None:
        while (message := await self._stream.read()) is not None:
            event = self._translator.event(message, monotonic())
            if event is not None:
                await inbox.put(event)
        await inbox.put(_Left())
