"""Envoy itself accepts every bootstrap that a configuration can lead to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from extproc.envoyconf import to_yaml
from extproc.envoyconf.binary import envoy_binary
from tests.envoyconf.variants import SECRET, VARIANTS, made

pytestmark = pytest.mark.envoy


@pytest.mark.parametrize("name", VARIANTS)
def test_envoy_takes_it(name: str, tmp_path: Path):
    config, runtime = made(name, tmp_path)
    runtime.bootstrap.write_text(to_yaml(config, runtime))
    argv = [str(envoy_binary()), "--mode", "validate", "-c", str(runtime.bootstrap), "--log-level", "warning"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"configuration '{runtime.bootstrap}' OK\n"
    assert "deprecated" not in done.stderr
    assert SECRET not in done.stderr
