"""One HTTP exchange between a transport and the core: read → event → session → commands → write, with side calls in between.

A transport is anything that moves wire messages (bytes of `ProcessingRequest` and `ProcessingResponse`); nothing here knows gRPC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from extproc.core import commands as do
from extproc.core.events import ClientLeft, Event, RequestBody, RequestHeaders, Tick
from extproc.core.records import Note
from extproc.core.session import Session
from extproc.core.vocabulary import Role
from extproc.shell.caller import Caller
from extproc.shell.telemetry import Meters
from extproc.shell.translate import Translator

_JOINED_BYTES = 32_000
"""Larger pieces are worth a message of their own."""


class Stream(Protocol):
    """One ext_proc stream of a transport."""

    def traceparent(self) -> str:
        """Give the trace context that the stream was opened with; empty where there is none."""

    async def read(self) -> bytes | None:
        """Give the next message; None when Envoy has closed its side (also when the client has left)."""

    def write(self, message: bytes) -> Awaitable[None]:
        """Send a message; the result is awaited until the transport has room for more."""


@dataclass(frozen=True, slots=True)
class _Left:
    """Envoy has closed its side of the stream."""


class Exchange:
    """Runs one exchange over one stream."""

    __slots__ = (
        "_caller",
        "_calls",
        "_inbox",
        "_listener",
        "_meters",
        "_own_s",
        "_report",
        "_session",
        "_stream",
        "_translator",
        "_watch_s",
    )

    def __init__(
        self, stream: Stream, session: Session, caller: Caller, meters: Meters, report: Callable[[Note], None] | None = None
    ) -> None:
        """Prepare an exchange; `report` takes the note of one that a client has left, by default into the metrics alone."""
        self._stream = stream
        self._session = session
        self._caller = caller
        self._meters = meters
        self._report = report or meters.wasted
        self._translator = Translator()
        self._inbox: asyncio.Queue[Event | _Left] | None = None
        self._calls: dict[Role, asyncio.Task[None]] = {}
        self._listener: asyncio.Task[None] | None = None
        self._watch_s: float | None = None
        self._own_s = 0.0
        """What the response has cost us, without waiting."""

    async def run(self) -> None:
        """Converse until one side leaves; side calls never outlive this."""
        stream, translator, session = self._stream, self._translator, self._session
        try:
            while (message := await stream.read()) is not None:
                began = monotonic()
                event = translator.event(message, began)
                if event is None:
                    continue
                commands = session.handle(event)
                replies = [translator.reply(command) for command in commands]
                seconds = monotonic() - began
                goes_on = await self._act(commands, replies)
                self._took(event, seconds)  # counted when the answer has left
                if not goes_on:
                    return
                if self._inbox is not None:
                    await self._converse(self._inbox)
                    return
        finally:
            if self._own_s:
                self._meters.responded(self._own_s)
            if self._inbox is not None:
                # However it ended: what was asked for and not delivered must not be lost from the books.
                for command in session.handle(ClientLeft(monotonic())):
                    self._heed(command)
                tasks = [*self._calls.values(), *([self._listener] if self._listener else [])]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _took(self, event: Event, seconds: float) -> None:
        """Enter how long we were at work on an event."""
        if isinstance(event, RequestBody):
            self._meters.decided(seconds)
        elif not isinstance(event, RequestHeaders):
            self._own_s += seconds

    async def _act(self, commands: list[do.Command], replies: list[bytes | None]) -> bool:
        """Write what is Envoy's, do what is ours. False: the exchange is over for us."""
        for number, reply in enumerate(replies):
            if reply is not None:
                await self._stream.write(reply)
            elif isinstance(command := commands[number], do.Leave):
                return False
            else:
                self._heed(command)
        return True

    def _heed(self, command: do.Command) -> None:
        match command:
            case do.Call():
                self._start(command)
            case do.CancelCall():
                if (task := self._calls.get(command.role)) is not None:
                    task.cancel()
            case do.Watch():
                self._watch_s = command.seconds
            case do.Report():
                self._report(command.note)

    def _start(self, call: do.Call) -> None:
        # Bounded, so that a fast model cannot fill the memory of a worker whose Envoy is slow.
        inbox = self._inbox = self._inbox or asyncio.Queue(maxsize=8)
        self._calls[call.role] = asyncio.create_task(self._caller.run(call, inbox.put), name=f"call {call.role}")

    async def _converse(self, inbox: asyncio.Queue[Event | _Left]) -> None:
        """Serve Envoy and the side calls from one queue, in the order in which things happen."""
        await asyncio.sleep(0)  # the native transport runs us without a task until we wait for others, and a timeout needs one
        self._listener = asyncio.create_task(self._listen(inbox), name="listen")
        while not isinstance(event := await self._next(inbox), _Left):
            began = monotonic()
            commands = joined(self._session.handle(event))
            replies = [self._translator.reply(command) for command in commands]
            self._own_s += monotonic() - began
            if not await self._act(commands, replies):
                return

    async def _next(self, inbox: asyncio.Queue[Event | _Left]) -> Event | _Left:
        """Give what happens next, or that nothing does."""
        try:
            async with asyncio.timeout(self._watch_s):
                return await inbox.get()
        except TimeoutError:
            return Tick(monotonic())

    async def _listen(self, inbox: asyncio.Queue[Event | _Left]) -> None:
        while (message := await self._stream.read()) is not None:
            event = self._translator.event(message, monotonic())
            if event is not None:
                await inbox.put(event)
        await inbox.put(_Left())


def joined(commands: list[do.Command]) -> list[do.Command]:
    """Put pieces of body that follow each other into one message: when a model is faster than we are, several events come at once."""
    made: list[do.Command] = []
    for command in commands:
        last = made[-1] if made else None
        if isinstance(command, do.SendBody) and isinstance(last, do.SendBody) and len(last.data) + len(command.data) <= _JOINED_BYTES:
            made[-1] = do.SendBody(last.data + command.data, command.end, command.note)
        else:
            made.append(command)
    return made
