"""`extproc serve` as a container runs it: beside an Envoy that somebody else has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.envoy import KEYS, Envoy
from tests.support.system import ROOT, until


@contextmanager
def serving(envoy: Envoy, file: Path, admin: str, log: Path, path: str = "/readyz") -> Iterator[subprocess.Popen[bytes]]:
    """Run it on a file until the end of the block, ready from its beginning; it ends by SIGTERM, unless it has ended before."""
    argv = [sys.executable, "-m", "extproc", "serve", "--config", str(file), "--runtime-dir", str(envoy.runtime.root)]
    with log.open("ab") as told:
        process = subprocess.Popen(argv, stdout=told, stderr=told, env={**os.environ, **KEYS, "PYTHONPATH": str(ROOT)})
    try:
        until(lambda: process.poll() is not None or _answers(admin, path), 60)
        assert process.poll() is None, log.read_text()
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _answers(admin: str, path: str) -> bool:
    try:
        return httpx.get(f"http://{admin}{path}").status_code == 200
    except httpx.HTTPError:
        return False
