"""Processors of others that do what `bench.floor` does. `go`: on grpc-go, built where Go is installed; its caches lie outside this tree."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_GO = Path(__file__).parent / "go"
_BUILD_S = 900
"""The first build fetches its modules and compiles Envoy's messages: half a minute of processor time, later ones a second."""


class MissingError(Exception):
    """A peer cannot be built on this machine; the message says why in one line."""


def go_floor(folder: Path) -> Path:
    """Build the floor of Go and give its program, in this folder. MissingError where that is not possible."""
    go = shutil.which("go")
    if go is None:
        raise MissingError("Go is not installed")
    program = folder / "go-floor"
    argv = [go, "build", "-o", str(program), "."]
    try:
        done = subprocess.run(argv, cwd=_GO, capture_output=True, text=True, timeout=_BUILD_S, check=False)
    except subprocess.TimeoutExpired:
        raise MissingError(f"go build takes longer than {_BUILD_S} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it does not say why"]
        raise MissingError(f"go build fails: {said[-1]}")
    return program
