"""What was measured, and the arithmetic on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import nan
from statistics import median


class Variant(StrEnum):
    """The rows of the tables."""

    BARE = "bare Envoy"
    FLOOR = "grpc.aio floor"
    SKIPPED = "ours, grpcio, SKIPPED"
    DIRECT = "ours, grpcio, DIRECT"
    NATIVE_SKIPPED = "ours, native, SKIPPED"
    NATIVE_DIRECT = "ours, native, DIRECT"


OURS = (Variant.SKIPPED, Variant.DIRECT, Variant.NATIVE_SKIPPED, Variant.NATIVE_DIRECT)
CONNECTIONS = (1, 16)
_SAMPLES = 8
"""Fewer looks at the memory than these show no growth, whether there is any or not."""


@dataclass(frozen=True, slots=True)
class Round:
    """One variant under load for a moment."""

    p50_ms: float
    p99_ms: float
    rps: float
    envoy_cpu_ms: float
    """Processor time of Envoy for 1,000 requests."""
    processor_cpu_ms: float
    """The same of the ext_proc processor."""
    count: int
    """Requests sent, the warm-up included."""
    failed_open: int
    """Those that Envoy let pass without the processor: with any, the other figures mean little."""


Cells = Mapping[tuple[Variant, str, int], Sequence[Round]]
"""(variant, size, connections) → its rounds, in order."""


@dataclass(frozen=True, slots=True)
class Count:
    """Messages that Envoy sent to the processor for one request of some kind."""

    what: str
    at_once: float
    """With a provider that answers in no time. What has left an exchange may then be told of the response before its leave arrives."""
    waited: float
    """With a provider that takes its time, though far less than a real one."""
    expected: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Best times for one request in process, in microseconds."""

    size: str
    shape: str
    accept_us: float
    classify_us: float
    plan_us: float
    whole_us: float
    """All three in one go; its best is its own, not their sum."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of our processor, in MB."""

    idle: float
    after: float
    """After all rounds."""
    soak: Sequence[tuple[int, float]] = ()
    """(requests sent so far, memory) while soaking."""

    def growth(self) -> float:
        """Give what the second half of the soak added; NaN for too short a soak. The first half may fill what is bounded."""
        if len(self.soak) < _SAMPLES:
            return nan
        half = self.soak[-1][0] / 2
        middle = next(memory for sent, memory in self.soak if sent >= half)
        return self.soak[-1][1] - middle


@dataclass(frozen=True, slots=True)
class Result:
    """One run of the bench."""

    machine: str
    others: float
    """Largest share of the machine that others took while everything of ours was idle, 0 to 1."""
    sizes: Sequence[str]
    cells: Cells
    counts: Sequence[Count]
    readings: Sequence[Reading]
    memory: Memory


def values(cells: Cells, variant: Variant, size: str, connections: int, name: str) -> list[float]:
    """Give one figure of all rounds of a cell."""
    return [getattr(one, name) for one in cells[variant, size, connections]]


def added_p50(cells: Cells, variant: Variant, size: str) -> list[float]:
    """Give what a variant adds to the p50 of bare Envoy at one connection, in ms, round by round."""
    pairs = zip(values(cells, variant, size, 1, "p50_ms"), values(cells, Variant.BARE, size, 1, "p50_ms"), strict=True)
    return [mine - bare for mine, bare in pairs]


def added_ratios(cells: Cells, variant: Variant, size: str) -> list[float]:
    """Give that as a multiple of what the floor adds, round by round."""
    return _ratios(added_p50(cells, variant, size), added_p50(cells, Variant.FLOOR, size))


def cpu_ratios(cells: Cells, variant: Variant, size: str, connections: int) -> list[float]:
    """Give a processor's CPU per request as a multiple of the floor's, round by round."""
    mine, floor = (values(cells, one, size, connections, "processor_cpu_ms") for one in (variant, Variant.FLOOR))
    return _ratios(mine, floor)


def middle(figures: Sequence[float]) -> float:
    """Give the median; NaN for none."""
    return median(figures) if figures else nan


def _ratios(mine: Sequence[float], floor: Sequence[float]) -> list[float]:
    """Rounds in which noise has made the floor free say nothing."""
    return [one / other for one, other in zip(mine, floor, strict=True) if other > 0]
