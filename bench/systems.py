"""Starts what is measured: each system is one Envoy with one worker thread, and its processor."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from extproc.app.plant import prepare
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import bootstrap
from extproc.envoyconf.binary import envoy_binary

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class System:
    """One thing to measure, running."""

    name: str
    port: int
    admin: int
    envoy: int
    """Process id of its Envoy."""
    processor: int | None


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


@contextmanager
def process(*argv: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block lasts."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        running = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, env=environ)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def configuration(upstream: int, listen: int, envoy_admin: int, admin: int) -> Config:
    """Give the configuration of all systems: both models at the same upstream, and nothing too long for the draft."""
    model = {"dialect": "anthropic", "base_url": f"http://127.0.0.1:{upstream}", "price_usd_per_mtok": {"input": 1.0, "output": 2.0}}
    return Config.model_validate(
        {
            "version": 1,
            "listen": f"127.0.0.1:{listen}",
            "admin": f"127.0.0.1:{admin}",
            "envoy_admin": f"127.0.0.1:{envoy_admin}",
            "models": {"draft": {**model, "model": "draft-small"}, "verify": model},
            "router": {"rules": {"long_conversation": 0, "many_messages": 0}},
        }
    )


def bare(made: dict[str, Any]) -> dict[str, Any]:
    """Take everything of ours out of a bootstrap: an Envoy that only carries."""
    listener = made["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"] = manager["http_filters"][-1:]
    manager.pop("access_log")
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
        for key in ("typed_per_filter_config", "response_headers_to_add", "response_headers_to_remove"):
            route.pop(key, None)
    return made


@contextmanager
def system(name: str, upstream: int, folder: Path) -> Iterator[System]:
    """Run one of `bare`, `floor` and `ours`, ready to be asked."""
    folder.mkdir()
    listen, envoy_admin, admin = free_port(), free_port(), free_port()
    config, runtime = configuration(upstream, listen, envoy_admin, admin), RuntimeDir(folder)
    prepare(config, runtime, with_envoy=False)
    made = bootstrap(config, runtime)
    runtime.bootstrap.write_text(json.dumps(bare(made) if name == "bare" else made))
    with ExitStack() as stack:
        processor = _processor(name, runtime)
        running = stack.enter_context(process(*processor, log=folder / "processor.log")) if processor else None
        argv = (str(envoy_binary()), "-c", str(runtime.bootstrap), "--disable-hot-restart", "--concurrency", "1", "-l", "error")
        envoy = stack.enter_context(process(*argv, log=folder / "envoy.log"))
        _wait(f"http://127.0.0.1:{envoy_admin}/ready", folder)
        if name == "ours":
            _wait(f"http://127.0.0.1:{admin}/readyz", folder)
        elif name == "floor":
            _until(runtime.worker(0).exists, folder)
        yield System(name, listen, envoy_admin, envoy.pid, running.pid if running else None)


def _processor(name: str, runtime: RuntimeDir) -> tuple[str, ...]:
    if name == "bare":
        return ()
    if name == "floor":
        return (sys.executable, "-m", "bench.floor", str(runtime.worker(0)))
    return (sys.executable, "-m", "extproc", "serve", "--worker", "0", "--runtime-dir", str(runtime.root))


def _wait(url: str, folder: Path) -> None:
    def answers() -> bool:
        try:
            return httpx.get(url, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    _until(answers, folder)


def _until(condition: Any, folder: Path) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
            raise SystemExit(f"a system under measurement does not start:\n{logs}")
        time.sleep(0.05)
