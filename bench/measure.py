"""Rounds of load, and what they cost: times, processor seconds, memory, messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx

from bench.load import request_of
from bench.systems import ROOT, System
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import classify
from extproc.core.vocabulary import Policy

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Round:
    """One system under load for a moment."""

    p50_ms: float
    p99_ms: float
    rps: float
    envoy_ms: float
    """Processor time of Envoy for a request."""
    processor_ms: float


@dataclass(slots=True)
class Cell:
    """All rounds of one system, size and number of connections."""

    rounds: list[Round] = field(default_factory=list)

    def middle(self, name: str) -> float:
        """Give the median over the rounds."""
        return median(getattr(one, name) for one in self.rounds)


def load(system: System, body: Path, connections: int, seconds: float) -> Round:
    """Load a system and see what it costs."""
    before = cpu_s(system.envoy), cpu_s(system.processor)
    argv = [sys.executable, "-m", "bench.load", str(system.port), str(body), str(connections), str(seconds)]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{system.name}: {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout)
    after = cpu_s(system.envoy), cpu_s(system.processor)
    envoy, processor = ((then - now) / told["count"] * 1000 for then, now in zip(after, before, strict=True))
    return Round(told["p50_ms"], told["p99_ms"], told["rps"], envoy, processor)


def cpu_s(pid: int | None) -> float:
    """Give the processor time of a process so far, all threads, user and system."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    """Give the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def outcome(system: System, body: bytes) -> str:
    """Ask once and say what became of it."""
    response = httpx.post(f"http://127.0.0.1:{system.port}/v1/messages", content=body, headers={"x-api-key": "k"}, timeout=30)
    return response.headers.get("x-cascade-outcome", "")


def messages(system: System, method: str, path: str, body: bytes) -> int:
    """Count the ext_proc messages that one request costs, by Envoy's own statistics."""
    before = _sent(system)
    httpx.request(method, f"http://127.0.0.1:{system.port}{path}", content=body or None, headers={"x-api-key": "k"}, timeout=30)
    return _sent(system) - before


def _sent(system: System) -> int:
    text = httpx.get(f"http://127.0.0.1:{system.admin}/stats", params={"filter": r"ext_proc\.stream_msgs_sent$"}).text
    return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if line)


def classify_us(body: bytes, runs: int) -> tuple[float, float]:
    """Give the best time of reading a request, and of judging it, in microseconds."""
    policy = Policy()
    request = accept("/v1/messages", "", body)
    best = [float("inf"), float("inf")]
    for _ in range(runs):
        began = perf_counter()
        accept("/v1/messages", "", body)
        middle = perf_counter()
        classify(request, policy)
        best = [min(best[0], middle - began), min(best[1], perf_counter() - middle)]
    return best[0] * 1e6, best[1] * 1e6


__all__ = ["Cell", "Round", "classify_us", "cpu_s", "load", "messages", "outcome", "request_of", "resident_mb"]
