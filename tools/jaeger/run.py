"""Finds a way to run Jaeger v2, and runs it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.jaeger.build import binary, build

_MANIFESTS = Path(__file__).parents[2] / "k8s/observability"
CONFIG, UI_CONFIG = _MANIFESTS / "jaeger.yaml", _MANIFESTS / "jaeger-ui.json"
PAGE = Path(__file__).parent / "page"
"""A plain page for the Jaeger that we build: Go's module proxy has its source, but not that of its page."""
IMAGE = os.environ.get("JAEGER_IMAGE") or "docker.io/jaegertracing/jaeger:2.20.0"
ENGINES = ("docker", "podman")
_HOST = "127.0.0.1"
_READY_S, _STOP_S, _ENGINE_S = 60.0, 5.0, 20.0


class JaegerError(Exception):
    """It cannot be run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where it listens, always on loopback: on the usual ports, moved by `offset`."""

    offset: int = 0

    @property
    def listeners(self) -> dict[str, int]:
        """The keys in jaeger.yaml, and the port there."""
        return {
            "extensions::healthcheckv2::http": 13133,
            "extensions::jaeger_query::http": 16686,
            "extensions::jaeger_query::grpc": 16685,
            "receivers::otlp::protocols::grpc": 4317,
            "receivers::otlp::protocols::http": 4318,
        }

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"http://{_HOST}:{16686 + self.offset}"

    @property
    def otlp(self) -> str:
        """Where it takes spans, by gRPC."""
        return f"http://{_HOST}:{4317 + self.offset}"

    @property
    def health(self) -> str:
        """What answers with 200 when it is ready."""
        return f"http://{_HOST}:{13133 + self.offset}/status"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run it."""

    told: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    engine: str = ""
    """The container engine that must have the image."""


def ways(ports: Ports) -> Iterator[Way]:
    """Give what is at hand, the best first; nothing where Jaeger must be built."""
    if (found := at_hand()) is not None:
        moved = [f"--set={key}::endpoint={_HOST}:{port + ports.offset}" for key, port in ports.listeners.items()] if ports.offset else []
        environ = {"JAEGER_LISTEN_HOST": _HOST, "JAEGER_UI_CONFIG": str(UI_CONFIG)}
        if found == binary():
            environ["JAEGER_UI_ASSETS"] = str(PAGE)
        yield Way(f"the binary {found}", [str(found), "--config", str(CONFIG), *moved], environ)
    for engine in ENGINES:
        if _runs([engine, "info"]):
            published = [f"--publish={_HOST}:{port + ports.offset}:{port}" for port in ports.listeners.values()]
            mounts = [f"--volume={file}:/etc/jaeger/{file.name}:ro" for file in (CONFIG, UI_CONFIG)]
            inside = ["--env=JAEGER_LISTEN_HOST=0.0.0.0", f"--env=JAEGER_UI_CONFIG=/etc/jaeger/{UI_CONFIG.name}"]
            argv = [engine, "run", "--rm", *published, *mounts, *inside, IMAGE, "--config", f"/etc/jaeger/{CONFIG.name}"]
            yield Way(f"the image {IMAGE} with {engine}", argv, {}, engine)


def at_hand() -> Path | None:
    """Give a Jaeger v2 binary: one on PATH that can read our configuration, or the one that was built."""
    on_path = shutil.which("jaeger")
    if on_path is not None and not _runs([on_path, "validate", "--config", str(CONFIG)]):
        say(f"{on_path} is no Jaeger v2, or cannot read {CONFIG}; leaving it alone")
        on_path = None
    return Path(on_path) if on_path else built if (built := binary()).exists() else None


def _runs(argv: Sequence[str]) -> bool:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ENGINE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@contextmanager
def running(ports: Ports) -> Iterator[subprocess.Popen[bytes]]:
    """Run it, and wait until it is ready. JaegerError or BuildError where that cannot be."""
    _check(ports)
    way = next((way for way in ways(ports) if not way.engine or _has_image(way.engine)), None)
    if way is None:
        build(say)
        way = next(ways(ports))
    say(f"starting {way.told}")
    # A session of its own: Ctrl-C reaches it through us, after whoever still sends spans.
    process = subprocess.Popen(
        way.argv, env={**os.environ, **way.environ}, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
    )
    try:
        _wait(process, ports)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:  # an idle connection holds it for minutes
            process.kill()
            process.wait()


def _has_image(engine: str) -> bool:
    """Whether the image is there, or comes now."""
    if _runs([engine, "image", "inspect", IMAGE]):
        return True
    say(f"fetching {IMAGE} with {engine}")
    if subprocess.run([engine, "pull", IMAGE], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode == 0:
        return True
    say(f"{engine} cannot fetch it")
    return False


def _check(ports: Ports) -> None:
    for port in ports.listeners.values():
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((_HOST, port + ports.offset))
            except OSError as error:
                raise JaegerError(f"{_HOST}:{port + ports.offset}: {error.strerror}; --offset 1000 takes other ports") from error


def _wait(process: subprocess.Popen[bytes], ports: Ports) -> None:
    deadline = time.monotonic() + _READY_S
    while answer(ports.health) is None:
        if process.poll() is not None:
            raise JaegerError(f"Jaeger ended with exit code {process.returncode}; its own words are above")
        if time.monotonic() > deadline:
            raise JaegerError(f"Jaeger was not ready after {_READY_S:g} s")
        time.sleep(0.05)


def answer(url: str) -> Any:
    """Give the JSON that an address answers with; None where there is none, or another status than 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as told:
            return json.load(told)
    except (OSError, ValueError):
        return None


def say(text: str) -> None:
    """Tell the operator."""
    sys.stderr.write(f"jaeger: {text}\n")
    sys.stderr.flush()
