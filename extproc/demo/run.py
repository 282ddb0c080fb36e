"""Runs the demonstration: simulated providers, the real Envoy and sidecar, sample traffic, a table."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx

from extproc.app import plant
from extproc.config.model import Config
from extproc.demo.jaeger import Jaeger
from extproc.demo.samples import SAMPLES, STEER_DRAFT, STEER_VERIFY
from extproc.demo.table import header, line, summary
from extproc.demo.traffic import send
from extproc.shell.supervisor import StartError
from extproc.simulator import Profile, Simulator

_USUAL = {"listen": 10000, "admin": 9464, "envoy_admin": 9901}
_LOG_LINES = 30
"""Output of the processes that is shown when they do not start; otherwise it would only stand between the rows."""

_DRAFT = Profile(
    name="draft",
    steerable=True,
    steer_header=STEER_DRAFT,
    first_token_s=0.1,
    tokens_per_s=400,
    words=40,
    refuse=("system_role",),
)
_VERIFY = Profile(name="verify", steerable=True, steer_header=STEER_VERIFY, first_token_s=0.3, tokens_per_s=160, words=40)
"""Faster than life, but as far apart as two models are."""

Tell = Callable[[str], None]


class UnexpectedRowsError(Exception):
    """Some rows were not as they should be; the message counts them."""


async def demo(*, stay: bool, show: Tell, tell: Tell, jaeger: Jaeger | None = None) -> None:
    """Send the samples and show a row for each; afterwards stay up until told to stop. UnexpectedRowsError when one is wrong.

    Traces go to `jaeger`, and its page of each is shown below the row.
    """
    async with AsyncExitStack() as stack:
        draft = await stack.enter_async_context(Simulator(_DRAFT))
        verify = await stack.enter_async_context(Simulator(_VERIFY))
        config = configuration(draft.url, verify.url, jaeger)
        runtime = stack.enter_context(plant.runtime_dir(config, None, temporary=True))
        plant.prepare(config, runtime)
        ready = asyncio.Event()
        log: deque[bytes] = deque(maxlen=_LOG_LINES)
        ears = plant.Ears(tell, ready.set, log.append)
        running = asyncio.create_task(plant.run(config, runtime, ears, with_envoy=True))
        try:
            try:
                await _first(running, ready)
            except StartError:
                tell("the last lines of Envoy and the sidecar:")
                show(b"".join(log).decode(errors="replace"))
                raise
            wrong = await _send_all(config, show, jaeger)
            if stay:
                tell(f"staying up: send requests to http://{config.listen}, look at http://{config.admin}/dashboard; Ctrl-C ends")
                await running
        finally:
            if not running.done():
                os.kill(os.getpid(), signal.SIGTERM)  # the way in which a plant is always stopped
            await running
    if wrong and not stay:
        raise UnexpectedRowsError(f"{wrong} of {len(SAMPLES)} rows were not as expected")


async def _first(running: asyncio.Task[None], ready: asyncio.Event) -> None:
    """Wait until the plant is ready, or raise what ended it."""
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    if not ready.is_set():
        waiting.cancel()
        await running


async def _send_all(config: Config, show: Tell, jaeger: Jaeger | None) -> int:
    """Send every sample, one after the other. Gives the number of rows that were not as expected."""
    show(header())
    rows = []
    async with (
        httpx.AsyncClient(base_url=f"http://{config.listen}", timeout=60) as client,
        httpx.AsyncClient(base_url=f"http://{config.admin}") as admin,
    ):
        for sample in SAMPLES:
            row = await send(sample, client, admin)
            rows.append(row)
            show(line(row))
            if jaeger and row.trace_id:
                show(f"  {jaeger.link(row.trace_id)}")
    show(summary(rows))
    return sum(not row.as_expected for row in rows)


def configuration(draft_url: str, verify_url: str, jaeger: Jaeger | None = None) -> Config:
    """Give the demonstration's configuration: both providers speak all dialects; the usual ports where they are free."""
    free = {key: f"127.0.0.1:{_free(port)}" for key, port in _USUAL.items()}
    others: dict[str, dict[str, str]] = {"openai_chat": {}, "openai_responses": {}}
    return Config.model_validate(
        {
            "version": 1,
            **free,
            "telemetry": {"otlp_endpoint": jaeger.otlp, "trace_url": jaeger.link("{trace_id}")} if jaeger else {},
            "models": {
                "draft": {
                    "model": "draft-small",
                    "dialect": "anthropic",
                    "base_url": draft_url,
                    "dialects": others,
                    "price_usd_per_mtok": {"input": 1.74, "output": 3.48, "cached_input": 0.17},
                },
                "verify": {
                    "model": "keep",
                    "dialect": "anthropic",
                    "base_url": verify_url,
                    "dialects": others,
                    "price_usd_per_mtok": {"input": 5.50, "output": 27.50, "cached_input": 0.55, "cache_write": 6.88},
                },
            },
        }
    )


def _free(port: int) -> int:
    """Give this port where it is free, another one where it is not."""
    for wanted in (port, 0):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(tried.getsockname()[1])
    raise OSError("no free port")
