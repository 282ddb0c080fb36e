"""The demonstration passes: the first thing that a newcomer runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from extproc.demo.samples import SAMPLES
from tests.support.system import ROOT

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


def test_the_demonstration_shows_every_row_as_expected():
    done = subprocess.run(
        [sys.executable, "-m", "extproc", "demo", "--exit"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *rows, sums = done.stdout.splitlines()[2:]
    assert len(rows) == len(SAMPLES)
    assert not any("expected" in row for row in rows)
    assert "saved" in sums
    assert all(len(row) <= 160 for row in rows)
