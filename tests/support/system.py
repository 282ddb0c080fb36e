"""The whole thing as a user runs it: `extproc up` as a process, on free ports, in front of given upstreams."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
READY_S = 60
TRANSPORT: str | None = None
"""The transport of every system that names none; None: the default of the configuration."""


def free_ports(count: int) -> list[int]:
    """Find ports that are free now; all are held until the last is found, so that they differ.

    They lie below those that the system gives to outgoing connections, one of which might take a port before it is listened on.
    """
    held: dict[int, socket.socket] = {}
    try:
        while len(held) < count:
            one, port = socket.socket(), random.randrange(10_000, 32_768)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                one.close()
            else:
                held[port] = one
        return list(held)
    finally:
        for one in held.values():
            one.close()


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait for a condition to hold and give its value; AssertionError when it never does."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


class System:
    """`extproc up` on a configuration; `with` starts it and waits until it is ready, and stops it by SIGTERM."""

    def __init__(self, folder: Path, models: Mapping[str, Any], environ: Mapping[str, str] | None = None, **more: Any) -> None:
        listen, admin, envoy_admin = free_ports(3)
        self.url = f"http://127.0.0.1:{listen}"
        self.admin = f"http://127.0.0.1:{admin}"
        self.envoy_admin = f"http://127.0.0.1:{envoy_admin}"
        self.port = listen
        self.log = folder / "log"
        config = {
            "version": 1,
            "listen": f"127.0.0.1:{listen}",
            "admin": f"127.0.0.1:{admin}",
            "envoy_admin": f"127.0.0.1:{envoy_admin}",
            "models": models,
            **({"transport": TRANSPORT} if TRANSPORT else {}),
            **more,
        }
        self.config = folder / "cascade.yaml"
        self.config.write_text(json.dumps(config))
        self._environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": "/tmp", **(environ or {})}
        self._environ.pop("XDG_RUNTIME_DIR", None)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> System:
        with self.log.open("wb") as log:
            argv = [sys.executable, "-m", "extproc", "up", "--config", str(self.config)]
            process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, env=self._environ, cwd=self.log.parent)
        self.process = process
        try:
            until(self.is_ready_or_dead, READY_S)
            # Its own look at readiness costs a message, too; only then is the count still.
            until(lambda: process.poll() is not None or "ready on http" in self.output(), READY_S)
        except AssertionError:
            self.stop()
            raise AssertionError(f"not ready:\n{self.output()}") from None
        assert process.poll() is None, f"it ended:\n{self.output()}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        code = self.stop()
        assert code == 0, f"exit code {code}:\n{self.output()}"

    def is_ready_or_dead(self) -> bool:
        """Whether waiting any longer makes no sense."""
        assert self.process is not None
        if self.process.poll() is not None:
            return True
        try:
            return httpx.get(f"{self.admin}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it and give its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it does not stop:\n{self.output()}") from None

    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(errors="replace")[-8000:]

    def children(self) -> dict[str, int]:
        """Process ids of Envoy and the workers, by a word of their command line."""
        assert self.process is not None
        found = {}
        for pid in _children(self.process.pid):
            try:
                argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            worker = argv[argv.index(b"--worker") + 1].decode() if b"--worker" in argv else ""
            found[f"worker {worker}" if worker else "envoy"] = pid
        return found

    def decisions(self) -> list[dict[str, Any]]:
        """The newest decisions, newest first."""
        listed: list[dict[str, Any]] = httpx.get(f"{self.admin}/api/decisions", params={"limit": 1000}).json()["decisions"]
        return listed

    def record(self, trace_id: str) -> dict[str, Any]:
        """Wait for the record of one request."""
        found: dict[str, Any] = until(lambda: next((one for one in self.decisions() if one["trace_id"] == trace_id), None))
        return found

    def stat(self, name: str) -> int:
        """One of Envoy's counters or gauges; 0 where it does not exist."""
        text = httpx.get(f"{self.envoy_admin}/stats", params={"filter": f"^{name}$"}).text
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if line)

    def messages(self) -> int:
        """Messages that Envoy has sent to the processor so far."""
        text = httpx.get(f"{self.envoy_admin}/stats", params={"filter": r"ext_proc\.stream_msgs_sent$"}).text
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if line)

    @contextmanager
    def messages_for(self, expected: int) -> Iterator[None]:
        """Hold that what happens inside costs this many messages."""
        before = self.messages()
        yield
        assert self.messages() - before == expected


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
