"""The soak: what it calls growth, and a short one on the real Envoy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.soak import Look, growing, report
from tests.support.system import ROOT

FLAT = [Look(1000 * number, 14, 30, 85.0 + min(number, 4), 60, 75.0) for number in range(9)]


def test_what_the_first_half_adds_is_no_growth() -> None:
    assert growing(FLAT) == []
    assert growing([replace(FLAT[0], tasks=1, descriptors=1), *FLAT[1:]]) == []


def test_connections_of_envoy_come_and_go() -> None:
    assert growing([*FLAT[:-1], replace(FLAT[-1], envoy_descriptors=90)]) == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [({"tasks": 15}, ["tasks"]), ({"descriptors": 31}, ["descriptors"])],
)
def test_one_more_at_the_end_is_growth(changed: dict[str, int], names: list[str]) -> None:
    assert growing([*FLAT[:-1], replace(FLAT[-1], **changed)]) == names


def test_memory_may_breathe_and_must_not_grow() -> None:
    assert growing([*FLAT[:-1], replace(FLAT[-1], memory_mb=90.0)]) == []
    assert growing([*FLAT[:-1], replace(FLAT[-1], memory_mb=90.1)]) == ["memory_mb"]
    assert growing([FLAT[0], replace(FLAT[1], memory_mb=99.0)]) == [], "too few looks to say"


def test_the_table_has_the_ends_and_the_quarters() -> None:
    rows = report(FLAT).splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["0", "2,000", "4,000", "6,000", "8,000"]
    assert len(report(FLAT[:2]).splitlines()) == 4


@pytest.mark.envoy
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_soak_is_flat(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "bench.soak", "--requests", "5000", "--json", "looks.json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": "/tmp"}
    done = subprocess.run(argv, capture_output=True, text=True, env=environ, cwd=tmp_path, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 requests failed open" in done.stdout
    looks = json.loads((tmp_path / "looks.json").read_text())
    assert looks[-1]["requests"] >= 5000
    assert looks[-1]["memory_mb"] > looks[-1]["tasks"] > 0
