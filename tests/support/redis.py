"""A real Redis (Debian: redis-server) on a free port; it can be killed, frozen, emptied and started again."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from tests.support.system import free_ports, until


class RedisServer:
    """`with` starts it; nothing is kept on disk."""

    def __init__(self, folder: Path, *more: str, password: str = "", tls: bool = False) -> None:
        (self.port,) = free_ports(1)
        self.url = f"redis{'s' if tls else ''}://localhost:{self.port}/2"
        self._log = folder / "redis.log"
        port = ("--port", "0", "--tls-port", str(self.port)) if tls else ("--port", str(self.port))
        secret = ("--requirepass", password) if password else ()
        kept = ("--save", "", "--appendonly", "no", "--dir", str(folder))
        self._argv = ["redis-server", *port, "--bind", "127.0.0.1", "::1", *kept, *secret, *more]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: process.poll() is not None or "Ready to accept connections" in self._log.read_text()[-400:])
        assert process.poll() is None, self._log.read_text()

    def kill(self) -> None:
        """End it without warning, frozen or not."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        self._log.write_text("")

    def freeze(self) -> None:
        """Let it take connections, and answer nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A connection of our own, where it needs no password."""
        return redis.Redis(port=self.port, db=2, decode_responses=True, protocol=2)
