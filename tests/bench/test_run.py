"""The bench as a whole, on the real Envoy, for moments only: it measures what it says, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bench.cases import TIMED
from bench.figures import Variant
from bench.probe import check
from bench.systems import Kind, around, system
from tests.support.system import ROOT


def _bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": "/tmp"}
    argv = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=environ, cwd=folder, check=False, timeout=900)


@pytest.mark.envoy
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_short_run(tmp_path: Path) -> None:
    done = _bench("--only", "0.2KB", "--rounds", "1", "--seconds", "0.1", "--json", "told.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| what " in done.stdout
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["without_go"] == ("" if shutil.which("go") else "Go is not installed")
    variants = [one for one in Variant if one is not Variant.GO or not told["without_go"]]
    assert [(one["variant"], one["connections"]) for one in told["cells"]] == [
        (variant, count) for count in (1, 16) for variant in variants
    ]
    messages = {one["what"]: one["waited"] for one in told["messages"]}
    assert messages["SKIPPED, JSON"] == messages["SKIPPED, SSE of 200 events"] == 3
    assert messages["no LLM call"] == 0
    assert told["memory_mb"]["idle"] > 0
    assert [(one["outcome"], one["stream"]) for one in told["cascade"]["added"]] == [
        (case.outcome, stream) for case in TIMED for stream in (False, True)
    ]
    assert all(one["events"] > 0 for one in told["cascade"]["streaming"])


@pytest.mark.envoy
def test_a_system_that_is_not_what_it_claims_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("b")
    with around(folder) as shared, system(Kind.BARE, shared, folder / "bare") as bare:
        check(bare, Variant.BARE, "0.2KB")
        for claimed in (Variant.FLOOR, Variant.GO, Variant.SKIPPED, Variant.DIRECT):
            with pytest.raises(SystemExit, match=f"{claimed}, 0.2KB: expected outcome"):
                check(bare, claimed, "0.2KB")
    assert not Path(f"/proc/{bare.envoy}").exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{shared.upstream}/")


@pytest.mark.parametrize("arguments", [("--only", "7KB"), ("--rounds", "0"), ("--seconds", "0")])
def test_bad_usage(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = _bench(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
