"""Starts what is measured: each system is one Envoy with one worker thread, and its processor."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx

from extproc.app.plant import prepare
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import bootstrap
from extproc.envoyconf.binary import envoy_binary
from extproc.envoyconf.parts import EXT_PROC

_ROOT = Path(__file__).parents[1]
_READY_S = 30.0


class Kind(StrEnum):
    """What can be run."""

    BARE = "bare"
    """An Envoy that only carries."""
    FLOOR = "floor"
    """The same with our ext_proc filter, and the floor behind it."""
    GO = "go"
    """The same with the floor of Go (`bench.peers`)."""
    NATIVE_FLOOR = "native-floor"
    """The same with the floor on our own transport."""
    OURS = "ours"
    """Everything of ours, telemetry included."""
    NATIVE = "native"
    """The same on the transport of our own."""
    UNTRACED = "untraced"
    """The same without a collector: nothing is exported, and Envoy makes no spans."""
    WATCHED = "watched"
    """The same again, by a worker that tells of itself (`bench.watched`)."""


FLOORS = (Kind.FLOOR, Kind.GO, Kind.NATIVE_FLOOR)
_WHOLE = (Kind.OURS, Kind.NATIVE, Kind.UNTRACED, Kind.WATCHED)


@dataclass(frozen=True, slots=True)
class System:
    """One thing to measure, running."""

    kind: Kind
    port: int
    admin: int
    """Port of Envoy's own admin."""
    envoy: int
    """Process id of its Envoy."""
    processor: int | None


def python(module: str, *arguments: str) -> list[str]:
    """Give the command line of one of our modules."""
    return [sys.executable, "-m", module, *arguments]


def environ() -> dict[str, str]:
    """Give the environment in which that command line finds this repository's code."""
    return {**os.environ, "PYTHONPATH": str(_ROOT)}


@dataclass(frozen=True, slots=True)
class Around:
    """What all systems share."""

    upstream: int
    """Port of the provider."""
    collector: int
    """Port of the collector of telemetry."""
    go_floor: Path | None = None
    """The program of the Go floor, where there is one."""


@contextmanager
def around(folder: Path, provider: str = "bench.upstream", go_floor: Path | None = None) -> Iterator[Around]:
    """Run what all systems share."""
    with _serving(provider, folder) as upstream, _serving("bench.collector", folder) as collector:
        yield Around(upstream, collector, go_floor)


@contextmanager
def _serving(module: str, folder: Path) -> Iterator[int]:
    """Run one of our servers; gives its port."""
    log = folder / f"{module}.log"
    with process(python(module), log):
        yield int(_until(log.read_text, folder))


@contextmanager
def system(kind: Kind, around: Around, folder: Path) -> Iterator[System]:
    """Run one system, ready to be asked."""
    folder.mkdir()
    listen, envoy_admin, admin = free_ports(3)
    collector = 0 if kind is Kind.UNTRACED else around.collector
    config, runtime = configuration(around.upstream, listen, envoy_admin, admin, collector), RuntimeDir(folder)
    config = config.model_copy(update={"transport": "grpcio" if kind is Kind.OURS else "native"})
    prepare(config, runtime)
    runtime.bootstrap.write_text(json.dumps(stripped(bootstrap(config, runtime), kind)))
    with ExitStack() as stack:
        argv = _processor(kind, runtime, around)
        processor = stack.enter_context(process(argv, folder / "processor.log")) if argv else None
        carry = [str(envoy_binary()), "-c", str(runtime.bootstrap), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
        envoy = stack.enter_context(process(carry, folder / "envoy.log"))
        until(f"http://127.0.0.1:{envoy_admin}/ready", folder)
        if kind in _WHOLE:
            until(f"http://127.0.0.1:{admin}/readyz", folder)
        elif kind in FLOORS:
            _until(runtime.worker(0).exists, folder)
        yield System(kind, listen, envoy_admin, envoy.pid, processor.pid if processor else None)


def configuration(upstream_port: int, listen: int = 10000, envoy_admin: int = 9901, admin: int = 9464, collector: int = 0) -> Config:
    """Give the configuration of all systems: both models at the same upstream, nothing too long for the draft, every request traced."""
    model = {"dialect": "anthropic", "base_url": f"http://127.0.0.1:{upstream_port}", "price_usd_per_mtok": {"input": 1.0, "output": 2.0}}
    return Config.model_validate(
        {
            "version": 1,
            "listen": f"127.0.0.1:{listen}",
            "admin": f"127.0.0.1:{admin}",
            "envoy_admin": f"127.0.0.1:{envoy_admin}",
            "models": {"draft": {**model, "model": "draft-small"}, "verify": model},
            "telemetry": {"otlp_endpoint": f"http://127.0.0.1:{collector}" if collector else ""},
            "router": {"rules": {"long_conversation": 0, "many_messages": 0}},
        }
    )


def stripped(made: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Take out of a bootstrap of ours what this kind of system does not have; the bootstrap is changed and given back.

    A floor keeps the ext_proc filter as it is and nothing else: usage, records and response headers are our own work, and must
    not make the floor look dear. Envoy's own spans stay everywhere: what they cost is no processor's, and each of them, with a
    trace context of its own in every call, must be read by every processor.
    """
    if kind in _WHOLE:
        return made
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    for key in ("early_header_mutation_extensions", "access_log", "local_reply_config"):
        manager.pop(key, None)
    *before, router = manager["http_filters"]
    manager["http_filters"] = [one for one in before if _stays(one["name"], kind)] + [router]
    host = manager["route_config"]["virtual_hosts"][0]
    host["routes"] = [_carry(route, kind) for route in host["routes"] if "route" in route]
    return made


def _stays(filter_name: str, kind: Kind) -> bool:
    return kind in FLOORS and filter_name == EXT_PROC


def _carry(route: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Keep of a route where it leads, and whether it asks the processor."""
    asked = {name: told for name, told in route.get("typed_per_filter_config", {}).items() if _stays(name, kind)}
    return {"match": route["match"], "route": route["route"], **({"typed_per_filter_config": asked} if asked else {})}


@contextmanager
def process(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block lasts."""
    with log.open("wb") as output:
        running = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, env=environ())
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _processor(kind: Kind, runtime: RuntimeDir, around: Around) -> list[str]:
    if kind is Kind.BARE:
        return []
    if kind is Kind.GO:
        assert around.go_floor is not None
        return [str(around.go_floor), str(runtime.worker(0))]
    if kind in FLOORS:
        return python("bench.floor", str(runtime.worker(0)), "native" if kind is Kind.NATIVE_FLOOR else "grpcio")
    if kind is Kind.WATCHED:
        return python("bench.watched", str(runtime.root))
    return python("extproc", "serve", "--worker", "0", "--runtime-dir", str(runtime.root))


def until(url: str, folder: Path) -> None:
    """Wait until an address answers with 200; SystemExit with the logs of the folder when it never does."""
    _until(lambda: _answers(url), folder)


def free_ports(count: int) -> list[int]:
    """Find ports that are free now; all are held until the last is found, so that they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _until(condition: Callable[[], Any], folder: Path) -> Any:
    deadline = time.monotonic() + _READY_S
    while not (value := condition()):
        if time.monotonic() > deadline:
            logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
            raise SystemExit(f"bench: {folder.name} does not start:\n{logs}")
        time.sleep(0.05)
    return value
