"""What waits to be told, what is sent, and what is lost. Nothing here is in a request's way: the loop hands over, and goes on.

Spans are written a few requests at a time, between the events of requests, and sent one message after the other. A collector that
is dead, slow or refuses costs its spans, and no more: what waits is bounded, what is beyond is dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic, time_ns

from extproc.config.otlp import Export, Protocol, Target
from extproc.core.commands import Compared
from extproc.core.records import Note, Record
from extproc.pb.envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from extproc.shell.otlp import encoding
from extproc.shell.otlp.genai import Servers
from extproc.shell.otlp.journey import calls, failed_checks, journey, made_call
from extproc.shell.otlp.metrics import ClientMetrics
from extproc.shell.otlp.sending import HttpSender, Sender, SendError
from extproc.shell.otlp.spans import Below, spans
from extproc.shell.otlp.trials import trial
from extproc.shell.otlp.voices import Voices

_SLICE = 8
"""Requests whose spans are written in one go; 0.2 ms."""
_MESSAGE_BYTES = 1 << 20
"""Collectors take 4 MiB by default."""
_PAUSES_S = (0.5, 1.0, 2.0)
"""Between tries of one message."""

Lost = Callable[[str, str, int], None]
"""Is told of what was not delivered: the signal, why, and how many."""
Warn = Callable[[str, str], None]


class Post:
    """Delivers the messages of one signal, in order."""

    def __init__(self, signal: str, sender: Sender, most: int, lost: Lost, warn: Warn) -> None:
        """Deliver nothing yet; `most` things wait at once."""
        self._signal = signal
        self._sender = sender
        self._most = most
        self._lost = lost
        self._warn = warn
        self._waiting: deque[tuple[bytes, int]] = deque()
        self.count = 0
        """Things that wait."""
        self._there = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._failing = False

    def put(self, message: bytes, count: int) -> None:
        """Hand over a message with so many things in it."""
        if self.count + count > self._most and self._waiting:
            self._failed("queue_full", "it is too slow", count)
            return
        self._waiting.append((message, count))
        self.count += count
        self._empty.clear()
        self._there.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._there.wait()
            well = True
            while self._waiting:
                message, count = self._waiting[0]
                well = await self._deliver(message, count) and well
                self._waiting.popleft()
                self.count -= count
            self._there.clear()
            self._empty.set()
            self._failing = self._failing and not well

    async def _deliver(self, message: bytes, count: int) -> bool:
        """Deliver a message, or give it up; says whether all of it was taken."""
        for pause_s in (*_PAUSES_S, None):
            try:
                refused = await self._sender.send(message)
            except SendError as error:
                if error.again and pause_s is not None:
                    await asyncio.sleep(pause_s)
                    continue
                self._failed("undelivered", str(error), count)
                return False
            except Exception as error:  # whatever it is, the next message is to be tried
                self._failed("undelivered", type(error).__name__, count)
                return False
            if refused:
                self._failed("refused", "refused by the collector", min(refused, count))
            return not refused
        return False

    def _failed(self, reason: str, why: str, count: int) -> None:
        """Count what is lost; say so once, until all that waits is delivered again."""
        self._lost(self._signal, reason, count)
        if not self._failing:
            self._failing = True
            self._warn("telemetry_lost", f"{self._signal} do not reach the collector ({why}); requests are not affected")

    async def close(self, within_s: float) -> None:
        """Wait for what waits to be delivered, and give up what is left then."""
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            self._failed("shutdown", "time is up", self.count)
        await self._sender.close()


class Exporter:
    """Takes finished requests and tells of them; one per worker. Call all of it from its event loop."""

    def __init__(self, export: Export, servers: Servers, identity: dict[str, str], lost: Lost, warn: Warn) -> None:
        """Prepare; `identity`: attributes of this process beside those of the environment."""
        self._export = export
        self._lost = lost
        self._warn = warn
        self._seen: deque[tuple[HTTPAccessLogEntry, Record]] = deque()
        self._resource = encoding.resource({"service.name": export.service, **identity, **export.resource})
        self._scope = encoding.scope("cascade", identity.get("service.version", ""))
        self._spans = _post("traces", export.traces, export.queue, lost, warn)
        self._numbers = _post("metrics", export.metrics, 4, lost, warn)
        self._metrics = ClientMetrics(time_ns())
        self._voices = Voices(servers, self._metrics)
        self._tasks: list[asyncio.Task[None]] = []
        self._written: list[bytes] = []
        self._size = 0

    def start(self) -> None:
        """Begin to tell."""
        works = [self._work(), *[post.run() for post in (self._spans, self._numbers) if post]]
        works += [self._tell_numbers()] if self._numbers else []
        self._tasks = [asyncio.create_task(work, name="telemetry") for work in works]

    @property
    def waiting(self) -> int:
        """Spans that wait for the collector."""
        return self._spans.count if self._spans else 0

    def saw(self, entries: Iterable[HTTPAccessLogEntry], records: Sequence[Record]) -> None:
        """Take finished requests. Costs next to nothing; the rest comes later."""
        if len(self._seen) < self._export.queue:
            self._seen.extend(zip(entries, records, strict=True))
        else:
            self._lost("traces", "queue_full", len(records))

    def left(self, note: Note) -> None:
        """Take the calls for a client that has left: its record knows nothing of them, so they are told apart from it."""
        if (trace := note.trace) is None:
            return
        now_ns = time_ns()
        arrived_ns = now_ns - int((monotonic() - trace.began_s) * 1e9)
        below = Below(encoding.Trace(note.trace_id), int(trace.span_id, 16), arrived_ns, now_ns)
        for number, one in enumerate(note.calls, 1):
            call = made_call(number, one, failed_checks(note.rules), arrived_ns, stream=trace.stream)
            self._voices.of(call).count(call)
            if trace.kept:
                self._add([below.chat(call, self._voices, note.contents)])

    def tried(self, told: Compared) -> None:
        """Take what the cascade would have made of a request (mode `shadow`)."""
        if (trace := told.tried.trace) is None:
            return
        now_ns = time_ns()
        arrived_ns = now_ns - int((monotonic() - trace.began_s) * 1e9)
        made = [
            made_call(number, one, told.comparison.checks, arrived_ns, stream=trace.stream)
            for number, one in enumerate(told.tried.calls, 1)
        ]
        for call in made:
            self._voices.of(call).count(call)
        if trace.kept:
            self._add(trial(told, made, now_ns, self._voices))

    def _add(self, written: list[bytes]) -> None:
        """Take spans as they are written."""
        self._written += written
        self._size += sum(map(len, written))

    async def stop(self, within_s: float) -> None:
        """Tell what is left, within this time."""
        for task in self._tasks[:1]:
            task.cancel()
        await self._write()
        self._put()
        if self._numbers:
            self._put_numbers()
        await asyncio.gather(*[post.close(within_s) for post in (self._spans, self._numbers) if post])
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(self._export.every_s)
            await self._write()
            self._put()

    async def _write(self) -> None:
        """Write the spans of all requests that wait, in slices."""
        while self._seen:
            for _ in range(min(_SLICE, len(self._seen))):
                try:
                    self._write_one(*self._seen.popleft())
                except Exception as error:  # what another release of ours has left in an entry must not keep the others back
                    self._lost("traces", "unreadable", 1)
                    self._warn("telemetry_lost", f"a request cannot be told of ({type(error).__name__})")
            await asyncio.sleep(0)

    def _write_one(self, entry: HTTPAccessLogEntry, record: Record) -> None:
        way = journey(entry, record, self._export.sampling)
        made = calls(way)
        for call in made:
            self._voices.of(call).count(call)
        if self._spans is not None and way.root_id:
            self._add(spans(way, made, self._voices))
            if len(self._written) >= self._export.batch or self._size >= _MESSAGE_BYTES:
                self._put()

    def _put(self) -> None:
        if self._spans is not None and self._written:
            self._spans.put(encoding.request(self._resource, self._scope, self._written), len(self._written))
        self._written, self._size = [], 0

    async def _tell_numbers(self) -> None:
        while True:
            await asyncio.sleep(self._export.metrics_every_s)
            self._put_numbers()

    def _put_numbers(self) -> None:
        written = self._metrics.written(time_ns())
        if written and self._numbers is not None:
            self._numbers.put(encoding.request(self._resource, self._scope, written), 1)


def _post(signal: str, target: Target | None, most: int, lost: Lost, warn: Warn) -> Post | None:
    if target is None:
        return None
    return Post(signal, _sender(target, signal), most, lost, warn)


def _sender(target: Target, signal: str) -> Sender:
    if target.protocol is Protocol.HTTP:
        return HttpSender(target)
    from extproc.shell.otlp.by_grpc import GrpcSender

    return GrpcSender(target, signal)
