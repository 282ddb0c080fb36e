"""The admin HTTP of one worker on a decision log of our own, without an Envoy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any

from extproc.config.model import Config
from extproc.config.secrets import redact
from extproc.shell.admin import Admin
from extproc.shell.decisions import Reader
from extproc.shell.journal import Journal
from extproc.shell.meters import Meters
from tests.support.system import free_ports

TRACE_URL = "http://127.0.0.1:16686/trace/{trace_id}"
_PRICES = {"draft": {"input": 1.74, "output": 3.48}, "verify": {"input": 5.5, "output": 27.5}}


def config_of(*, priced: bool = True, **more: Any) -> Config:
    """Give a configuration with the models of `canned`."""
    common = {"dialect": "anthropic", "base_url": "http://127.0.0.1:9"}
    names = {"draft": "deepseek-chat", "verify": "claude-opus-4-8"}
    models = {role: {"model": name, **common, **({"price_usd_per_mtok": _PRICES[role]} if priced else {})} for role, name in names.items()}
    return Config.model_validate({"version": 1, "models": models, "telemetry": {"trace_url": TRACE_URL}, **more})


class Sidecar:
    """`async with` serves; it can be stopped and started again on the same port."""

    def __init__(self, log: Path, config: Config | None = None, token: str = "") -> None:
        self._config = redact(config or config_of())
        self._token = (lambda: token) if token else None
        self.log = log
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._admin: Admin | None = None

    async def __aenter__(self) -> Sidecar:
        self._loop = asyncio.get_running_loop()
        await self._start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stop()

    def start(self) -> None:
        """Serve again, from another thread."""
        self._run(self._start())

    def stop(self) -> None:
        """Go away, from another thread."""
        self._run(self._stop())

    def _run(self, work: Any) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        meters = Meters("test", "hash")
        self._admin = Admin(Journal(meters, quiet=True), Reader(self.log), meters, _ready, self._config, token=self._token)
        await self._admin.start(f"127.0.0.1:{self.port}")

    async def _stop(self) -> None:
        if self._admin is not None:
            await self._admin.stop()
            self._admin = None


async def _ready() -> str:
    return ""
