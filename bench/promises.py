"""The numbers to hold, against what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from bench.figures import OURS, Result, added_ratios, cpu_ratios, middle

_ADDED = 1.5
_CPU = 1.4
_READ_US = {"1KB": 50.0, "1MB": 1_000.0}
_IDLE_MB = 90.0
_GROWTH_MB = 1.0
"""An allocator is never quite still; a leak of one record per request would be tens of MB in 100,000."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One number to hold."""

    what: str
    measured: float
    limit: float
    exact: bool = False
    """The limit must be met, not only kept."""

    @property
    def holds(self) -> bool | None:
        """Whether it holds; None where nothing could be measured."""
        if isnan(self.measured):
            return None
        return self.measured == self.limit if self.exact else self.measured <= self.limit


def promises(result: Result) -> list[Promise]:
    """List what this run can say something about; ratios are the medians of the rounds."""
    told = []
    for size in [one for one in ("0.2KB", "100KB") if one in result.sizes]:
        told += [Promise(f"added p50, {size}, {one}, × floor", middle(added_ratios(result.cells, one, size)), _ADDED) for one in OURS]
    if "0.2KB" in result.sizes:
        told += [Promise(f"processor CPU, 0.2KB, {one}, × floor", middle(cpu_ratios(result.cells, one, "0.2KB", 16)), _CPU) for one in OURS]
    told += [Promise(f"messages, {one.what}", one.waited, one.expected, exact=True) for one in result.counts]
    told += [
        Promise(f"accept, classify and plan, {one.size}, {one.shape}, µs", one.whole_us, _READ_US[one.size]) for one in result.readings
    ]
    told.append(Promise("resident memory, idle, MB", result.memory.idle, _IDLE_MB))
    if result.memory.soak:
        told.append(Promise("growth in the second half of the soak, MB", result.memory.growth(), _GROWTH_MB))
    failed_open = sum(one.failed_open for rounds in result.cells.values() for one in rounds)
    return [*told, Promise("requests that failed open", failed_open, 0, exact=True)]
