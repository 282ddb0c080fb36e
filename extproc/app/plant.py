"""Envoy, the workers, and the runtime folder in which they meet."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from extproc.app.reloading import Reloader
from extproc.config.endpoints import endpoints
from extproc.config.model import Config
from extproc.config.otlp import export
from extproc.config.runtime import DEFAULT, RuntimeDir
from extproc.config.secrets import write_private, write_secrets
from extproc.shell.processes import Program, to_stdout
from extproc.shell.supervisor import Plant, Supervisor

_SETTLE_S = 0.5
"""Twice the interval in which Envoy sends spans (`envoyconf.tracing`)."""
_LONGEST_SOCKET_PATH = 100
"""A Unix socket's path has 108 bytes on Linux (unix(7)); Envoy needs a few for itself."""


class RuntimeDirError(Exception):
    """The runtime folder cannot be used; the message says why."""


class AddressError(Exception):
    """An address cannot be listened on; the message says which and why."""


def check_addresses(config: Config) -> None:
    """Try the addresses before anything starts, so that the reason is told in one line. AddressError names the first."""
    addresses = {"listen": config.listen, "admin": config.admin, "envoy_admin": config.envoy_admin}
    if config.intercept.hosts:
        addresses["intercept.listen"] = config.intercept.listen
    for key, address in addresses.items():
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((host, int(port)))
            except OSError as error:
                raise AddressError(f"{key}: {address}: {error.strerror or error}") from error


@contextmanager
def runtime_dir(config: Config, wanted: Path | None, *, temporary: bool) -> Iterator[RuntimeDir]:
    """Give the runtime folder, mode 0700: the one asked for, the configured one, or a fresh one that is removed afterwards."""
    named = wanted or (Path(config.runtime_dir) if config.runtime_dir else None)
    if named is None and temporary:
        root = Path(tempfile.mkdtemp(prefix="cascade-", dir=os.environ.get("XDG_RUNTIME_DIR") or None))
        try:
            yield _checked(root)
        finally:
            shutil.rmtree(root, ignore_errors=True)
        return
    root = named or DEFAULT
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeDirError(f"runtime folder {root}: {error.strerror}") from error
    yield _checked(root)


def _checked(root: Path) -> RuntimeDir:
    runtime = RuntimeDir(root.resolve())
    if len(os.fsencode(runtime.worker(99))) > _LONGEST_SOCKET_PATH:
        raise RuntimeDirError(f"runtime folder {root}: the path is too long for a Unix socket; set runtime_dir to a shorter one")
    return runtime


def prepare(config: Config, runtime: RuntimeDir) -> None:
    """Write what the processes read: the configuration as it is now, and the secrets."""
    write_private(runtime.config, config.model_dump_json(by_alias=True).encode())
    write_secrets(config, runtime, os.environ)


def write_bootstrap(config: Config, runtime: RuntimeDir) -> None:
    """Write what Envoy reads: JSON, which is YAML, too. Envoy is as strict with names as the typed messages, and far sooner done."""
    from extproc.envoyconf import untyped  # imports that a container with its own Envoy never needs

    write_private(runtime.bootstrap, json.dumps(untyped(config, runtime), indent=1).encode())


def plant(config: Config, runtime: RuntimeDir, *, with_envoy: bool) -> Plant:
    """List what is to run."""
    return Plant(
        workers=[_worker(config, runtime, index) for index in range(config.workers)],
        envoy=_envoy(config, runtime) if with_envoy else None,
        before_envoy=partial(write_bootstrap, config, runtime),
        admin=config.admin,
        envoy_admin=config.envoy_admin,
        drain_s=config.drain_s,
        settle_s=_SETTLE_S if export(config.telemetry.otlp_endpoint, os.environ).traces else 0.0,
        sockets=[runtime.worker(index) for index in range(config.workers)],
    )


def _worker(config: Config, runtime: RuntimeDir, index: int) -> Program:
    argv = [sys.executable, "-m", "extproc", "serve", "--worker", str(index), "--runtime-dir", str(runtime.root)]
    environ = _environ_without_secrets(config)
    environ |= {name: os.environ[name] for name in _workers_own(config) if name in os.environ}
    if config.workers > 1:
        runtime.metrics.mkdir(mode=0o700, exist_ok=True)
    return Program(f"worker {index}", argv, environ)


def _envoy(config: Config, runtime: RuntimeDir) -> Program:
    from extproc.envoyconf.binary import envoy_binary

    drain_s = max(1, round(config.drain_s))
    # At `error` the component `http` tells whole request targets, and a query may hold a key; at `warning` `misc` tells a screen full at
    # every start of how young some of Envoy's parts are.
    log = ("-l", "warning", "--component-log-level", "http:critical,misc:error")
    argv = [str(envoy_binary()), "-c", str(runtime.bootstrap), "--disable-hot-restart", *log, "--drain-time-s", str(drain_s)]
    return Program("envoy", argv, _environ_without_secrets(config))


def _environ_without_secrets(config: Config) -> dict[str, str]:
    """Provider keys are for the secrets folder alone, so no other process inherits them; nor does Envoy what workers alone need."""
    names = {endpoint.secret.env for endpoint in endpoints(config) if endpoint.secret} | _workers_own(config)
    inherited: Mapping[str, str] = os.environ
    return {name: value for name, value in inherited.items() if name not in names}


def _workers_own(config: Config) -> set[str]:
    return {name for name in (config.state_password_env, config.admin_token_env) if name}


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of a running plant."""

    tell: Callable[[str], None]
    """What the operator should know, a line each."""
    ready: Callable[[], None]
    """Called once, when requests are served."""
    log: Callable[[bytes], None] = to_stdout
    """Every line of output of Envoy and the workers, with the name of its origin before it."""


async def run(config: Config, runtime: RuntimeDir, ears: Ears, *, with_envoy: bool) -> None:
    """Run the plant until SIGTERM or SIGINT, drain it, and leave nothing behind. StartError when it does not become ready."""
    chore = asyncio.create_task(Reloader(config, runtime, os.environ, ears.tell).run(), name="reloading")
    try:
        await Supervisor(plant(config, runtime, with_envoy=with_envoy), ears.tell, ears.log).run(ears.ready)
    finally:
        chore.cancel()
        await asyncio.gather(chore, return_exceptions=True)
