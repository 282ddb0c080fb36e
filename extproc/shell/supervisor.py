"""Starts Envoy and the workers, waits until they are ready, keeps them running, and drains them at the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx

from extproc.shell.draining import Drain, ask
from extproc.shell.probe import deaf
from extproc.shell.processes import Child, Program, to_stdout

_POLL_S = 0.1
_TRIES = 5
"""Starts of one program before the first readiness after which we give up."""


class StartError(Exception):
    """The system did not become ready; the message says what failed."""


@dataclass(frozen=True, slots=True)
class Plant:
    """All that runs, in the order in which it starts; it stops in the other order."""

    workers: Sequence[Program]
    envoy: Program | None
    admin: str
    """Address of the first worker's admin HTTP."""
    envoy_admin: str
    drain_s: float
    before_envoy: Callable[[], None] = lambda: None
    """What Envoy needs done before it starts; the workers are on their way meanwhile. What it raises ends the run."""
    sockets: Sequence[Path] = ()
    """Where the workers listen; ready is who can be reached on all of them."""
    ready_s: float = 60.0
    settle_s: float = 0.0
    """How long Envoy, when idle, is left to hand over its last spans; it drops them when it ends."""


class Supervisor:
    """Runs a plant until it is told to stop."""

    def __init__(self, plant: Plant, tell: Callable[[str], None], log: Callable[[bytes], None] = to_stdout) -> None:
        self._plant = plant
        self._tell = tell
        self._stop = asyncio.Event()
        self._workers = [Child(program, tell, log) for program in plant.workers]
        self._envoy = Child(plant.envoy, tell, log) if plant.envoy else None
        self._client = httpx.AsyncClient(timeout=2.0)

    def children(self) -> list[Child]:
        """All children, workers first."""
        return [*self._workers, *([self._envoy] if self._envoy else [])]

    def stop(self) -> None:
        """Ask for the drain; may be called from a signal handler."""
        self._stop.set()

    async def run(self, when_ready: Callable[[], None]) -> None:
        """Run until `stop`. StartError when the plant does not become ready."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            for child in self._workers:
                child.start()
            if self._envoy:
                await asyncio.to_thread(self._plant.before_envoy)
                self._envoy.start()
            if await self._become_ready():
                when_ready()
                await self._stop.wait()
                self._tell("draining")
                await self._drain()
        finally:
            for child in reversed(self.children()):
                await child.stop()
            await self._client.aclose()

    async def _become_ready(self) -> bool:
        """True when ready, False when told to stop before."""
        # Without an Envoy of our own, readiness is another's business: the workers being up is all we can wait for.
        path = "/readyz" if self._envoy else "/healthz"
        deadline = monotonic() + self._plant.ready_s
        reason = "no answer"
        while not self._stop.is_set():
            status, reason = await ask(self._client, f"http://{self._plant.admin}{path}")
            if status == 200:
                silent = next(deaf(self._plant.sockets), None)
                if silent is None:
                    return True
                reason = f"{silent.name} does not listen"
            failing = [child.program.name for child in self.children() if child.starts > _TRIES]
            if failing:
                raise StartError(f"{failing[0]} does not start; its last lines above say why")
            if monotonic() > deadline:
                raise StartError(f"not ready after {self._plant.ready_s:.0f} s: {reason}")
            await asyncio.sleep(_POLL_S)
        return False

    async def _drain(self) -> None:
        if self._envoy is not None:
            await Drain(self._client, self._plant.envoy_admin, self._plant.drain_s, self._tell).run()
            await asyncio.sleep(self._plant.settle_s)
