"""What a second worker adds, measured for a moment: both have their share of a core, and nothing is left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.scaling import share_of_a_core
from tests.support.system import ROOT

_GROUPS = Path("/sys/fs/cgroup")


def _left() -> list[Path]:
    return [*_GROUPS.glob("cpu/cascade-bench-*"), *_GROUPS.glob("cascade-bench-*")]


@pytest.mark.envoy
@pytest.mark.slow
def test_two_workers_and_one_take_turns() -> None:
    argv = [sys.executable, "-m", "bench.scaling", "--rounds", "1", "--seconds", "0.5"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False, timeout=110)
    if os.geteuid() != 0 or "takes Linux, root and cgroups" in done.stderr:
        assert (done.returncode, done.stdout) == (1, "")
        return
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Two carry \d+\.\d\d times what one carries", done.stdout, re.MULTILINE)
    one, two = map(float, re.findall(r"([\d.]+) s", done.stdout.splitlines()[-1]))
    assert one > 0
    assert two > 0
    assert _left() == []


def test_a_process_that_is_not_there_leaves_no_group() -> None:
    with pytest.raises(ProcessLookupError), share_of_a_core([2**22], 0.5):
        pass
    assert _left() == []
