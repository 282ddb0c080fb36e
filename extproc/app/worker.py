"""Configuration → the objects of one sidecar process, and its life."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from secrets import randbits, token_bytes
from time import monotonic, time

from extproc.app.reloads import Follower, Reloads
from extproc.app.spending import budgets, has_allowances, keeper
from extproc.app.telemetry import exporter
from extproc.config.compiled import rules
from extproc.config.model import Config
from extproc.config.policy import policy, prices
from extproc.config.problems import ConfigError
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import admin_token, config_hash, redact
from extproc.config.usable import KNOWN_RULES
from extproc.core.commands import Compared
from extproc.core.paths.shadow import ShadowPath
from extproc.core.policy import Policy, Price
from extproc.core.records import Note
from extproc.core.session import Session, Surroundings
from extproc.core.steps.memory import RefusalMemory
from extproc.core.vocabulary import Role
from extproc.core.wire.traceparent import place
from extproc.shell.accesslog import receive
from extproc.shell.admin import Admin
from extproc.shell.caller import Caller
from extproc.shell.decisions import Bounds, Decisions, Reader
from extproc.shell.drafted import shared
from extproc.shell.exchange import Exchange, Stream
from extproc.shell.journal import warn
from extproc.shell.native.server import NativeServer
from extproc.shell.probe import EnvoyProbe
from extproc.shell.server import GrpcServer
from extproc.shell.shadow import Shadows
from extproc.shell.spending import Counts as Spending
from extproc.shell.tallies import Shared
from extproc.shell.telemetry import Journal, Meters
from extproc.shell.wiring import Wiring

_LAG_S = 0.5
"""How often the event loop's lateness is looked at."""
_FLUSH_S = 2.0
"""What is to be exported has so long to leave at the end."""


class Worker:
    """One sidecar process: the gRPC server on its socket and, in the first worker, the admin HTTP."""

    def __init__(self, config: Config, runtime: RuntimeDir, index: int, version: str) -> None:
        self._config, self._runtime, self._index = config, runtime, index
        self._meters = Meters(version, config_hash(config), Shared(runtime.metrics, index) if config.workers > 1 else None)
        self._exporter, sampling = exporter(config, index, version, self._meters)
        counts = Spending()
        self._keeper = keeper(config, runtime, index, counts, self._meters.upkeep)
        around = self._around = Surroundings(
            policy=Policy(),
            memory=RefusalMemory(config.router.refusal_memory_s),
            drafted=shared(runtime.root),
            secret=token_bytes(32),
            unix_offset_s=time() - monotonic(),
            sampling=sampling,
            spent=counts.spent,
        )
        log = Path(config.decisions.path) if config.decisions.path else runtime.decisions
        bounds = Bounds(config.decisions.max_rows, config.decisions.max_age_s, config.decisions.max_bytes)
        self._decisions = Decisions(log, bounds, self._meters.lost, partial(warn, "decisions_unwritable"), self._meters.flush)
        self._journal = Journal(self._meters, self._decisions, counts)
        self._caller = Caller(runtime.egress)
        self._shadows = Shadows(
            self._caller,
            lambda sent: ShadowPath(sent, sent.policy or around.policy, around.drafted),
            self._compared,
            self._meters.dropped,
            config.shadow_max_inflight,
        )
        self._probe = EnvoyProbe(config.listen, [runtime.worker(each) for each in range(config.workers)])
        self._server = GrpcServer(self._exchange, self._receive_log, config.limits.max_body_bytes, shared_port=config.workers > 1)
        self._native = NativeServer(self._exchange, config.limits.max_body_bytes) if config.transport == "native" else None
        told = (self._journal, Reader(log), self._meters, self._probe)
        token = partial(_token, config) if config.admin_token_env or config.admin_token_file else None
        self._admin = Admin(*told, {}, lambda: budgets(self._config, counts, self._keeper), token) if index == 0 else None
        self._prices: dict[Role, Price] = {}
        # Ids need to be unique, not secret: one look at the system's entropy is enough.
        self._ids = Random(randbits(128))  # noqa: S311
        self._lag: asyncio.Task[None] | None = None
        self._wiring = Wiring(runtime.heard, partial(warn, "no_access_log"), self._meters.unrecorded)
        self._follower = Follower(runtime, self.apply, self._reloaded)
        self.apply(config)

    def apply(self, config: Config) -> None:
        """Decide by this configuration from now on. Requests at work go on by the one that they began with."""
        around, remembers = self._around, config.router.refusal_memory_s
        default = policy(config, KNOWN_RULES)
        self._around = replace(
            around,
            policy=default,
            policies=rules(config, default),
            salt=config.identity.key_salt.encode(),
            capture_content=config.telemetry.capture_content,
            memory=around.memory if remembers == self._config.router.refusal_memory_s else RefusalMemory(remembers),
        )
        self._prices.clear()  # in place: what is recorded is priced by those of its time
        self._prices.update(prices(config))
        self._shadows.most = config.shadow_max_inflight
        self._meters.upkeep.configured(config_hash(config))
        if self._admin is not None:
            self._admin.show(redact(config))
        self._config = config

    def look(self) -> None:
        """See whether the configuration has changed."""
        self._follower.look()
        if has_allowances(self._config):
            self._keeper.start()

    async def start(self) -> None:
        """Open the socket and the admin port. OSError where one cannot be had."""
        self.look()
        self._decisions.start()
        if self._exporter is not None:
            self._exporter.start()
        if self._config.processor.listen:
            self._server.listen(self._config.processor.listen, self._config.processor.tls)
        await self._server.start(self._runtime.records(self._index, self._config.transport))
        if self._native is not None:
            await self._native.start(self._runtime.worker(self._index))
        if self._admin is not None:
            await self._admin.start(self._config.admin)
        self._lag = asyncio.create_task(self._watch_loop(), name="loop-lag")

    async def stop(self) -> None:
        """Let the exchanges at work end, then close everything."""
        if self._admin is not None:
            self._admin.drain()
        if self._native is not None:
            await self._native.stop(self._config.drain_s)
        await self._server.stop(self._config.drain_s)
        if self._lag is not None:
            self._lag.cancel()
            await asyncio.gather(self._lag, return_exceptions=True)
        if self._admin is not None:
            await self._admin.stop()
        await self._shadows.stop()
        await self._keeper.stop()
        if self._exporter is not None:
            await self._exporter.stop(_FLUSH_S)
        await asyncio.to_thread(self._decisions.stop)
        self._meters.flush()
        await self._caller.close()
        await self._probe.close()

    async def _exchange(self, stream: Stream) -> None:
        self._meters.inflight += 1
        try:
            given = place(stream.traceparent())
            name = given.trace_id if given else f"{self._ids.getrandbits(128):032x}"
            root = f"{self._ids.getrandbits(64) or 1:016x}" if self._around.sampling else ""
            session = Session(self._around, name, root, given)
            await Exchange(stream, session, self._caller, self._meters, self._abandoned).run()
            if session.shadowed is not None:
                self._shadows.start(session.shadowed)
        finally:
            self._meters.inflight -= 1

    async def _receive_log(self, messages: AsyncIterator[bytes]) -> None:
        seen = self._exporter.saw if self._exporter is not None else None
        await receive(messages, self._prices, self._journal.take, self._heard, seen)

    def _compared(self, told: Compared) -> None:
        """Enter what the cascade would have made of a request."""
        self._journal.compare(told.comparison)
        if self._exporter is not None:
            self._exporter.tried(told)

    def _abandoned(self, note: Note) -> None:
        """Enter what was done for a client that has left before it was answered."""
        self._journal.abandoned(note)
        if self._exporter is not None:
            self._exporter.left(note)

    def _reloaded(self, told: Reloads) -> None:
        """Tell operators how the configuration stands to its file."""
        if self._admin is not None:
            self._meters.upkeep.reloaded(told.results, told.pending)
            self._admin.notice = told.notice

    def _heard(self, records: int, seconds: float) -> None:
        self._wiring.heard()
        self._meters.recorded(records, seconds)

    async def _watch_loop(self) -> None:
        while True:
            expected = monotonic() + _LAG_S
            await asyncio.sleep(_LAG_S)
            self._meters.sample(max(0.0, monotonic() - expected))
            self._wiring.look(self._meters.decisions)
            self.look()
            self._set_clock()
            if self._config.workers > 1:
                await asyncio.to_thread(self._meters.flush)

    def _set_clock(self) -> None:
        """Follow the wall clock where it is set, or where this machine has slept."""
        offset_s = time() - monotonic()
        if abs(offset_s - self._around.unix_offset_s) > _LAG_S:
            self._around = replace(self._around, unix_offset_s=offset_s)


def _token(config: Config) -> str:
    """What the admin HTTP asks for now; where that cannot be read, nobody gets in."""
    try:
        return admin_token(config, os.environ)
    except ConfigError:
        return ""
