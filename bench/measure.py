"""Load on a system and what it costs: times, processor seconds, memory."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Round
from bench.probe import FAILED_OPEN, stat
from bench.systems import System, environ, python

_TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_S = 0.3
"""Envoy sends its access log every 0.05 s: what the last requests cost comes after them, and belongs to them."""


@dataclass(frozen=True, slots=True)
class Load:
    """How one measurement is made."""

    connections: int
    seconds: float
    warm_up: float
    """Seconds before, under the same load, of which only the processor time is counted."""


def load(system: System, body: Path, how: Load) -> Round:
    """Load a system with one request, read from a file. SystemExit when it does not stand it."""
    before = stat(system, FAILED_OPEN), cpu_s(system.envoy), cpu_s(system.processor)
    argv = python("bench.load", str(system.port), str(body), str(how.connections), str(how.seconds), str(how.warm_up))
    done = subprocess.run(argv, capture_output=True, text=True, env=environ(), check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {system.kind}: {done.stderr.strip()[-500:]}")
    time.sleep(SETTLE_S)
    told = json.loads(done.stdout)
    envoy, processor = cpu_s(system.envoy) - before[1], cpu_s(system.processor) - before[2]
    return Round(
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        rps=told["rps"],
        envoy_cpu_ms=envoy / told["count"] * 1e6,
        processor_cpu_ms=processor / told["count"] * 1e6,
        count=told["count"],
        failed_open=stat(system, FAILED_OPEN) - before[0],
    )


def cpu_s(pid: int | None) -> float:
    """Give the processor time of a process so far, all threads, user and system, in seconds; 0 for none."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    """Give the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def taken_by_others(seconds: float = 0.5) -> float:
    """Give the share of the machine that is in use (0 to 1), the hypervisor's theft included. To be called while ours is idle."""
    before = _jiffies()
    time.sleep(seconds)
    idle, whole = (then - now for then, now in zip(_jiffies(), before, strict=True))
    return 1 - idle / whole if whole else 0.0


def _jiffies() -> tuple[int, int]:
    """Idle time and all time of the machine so far (proc(5): user nice system idle iowait irq softirq steal)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)
