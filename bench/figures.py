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
    GO = "Go floor"
    NATIVE = "native floor"
    SKIPPED = "ours, grpcio, SKIPPED"
    DIRECT = "ours, grpcio, DIRECT"
    NATIVE_SKIPPED = "ours, native, SKIPPED"
    NATIVE_DIRECT = "ours, native, DIRECT"
    UNTRACED = "SKIPPED, telemetry off"


ON_GRPCIO = (Variant.SKIPPED, Variant.DIRECT)
ON_NATIVE = (Variant.NATIVE_SKIPPED, Variant.NATIVE_DIRECT)
OURS = ON_GRPCIO + ON_NATIVE
FLOORS = (Variant.FLOOR, Variant.GO)
CONNECTIONS = (1, 16)


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
    without_go: str = ""
    """Why the Go floor was not measured; empty where it was."""

    @property
    def variants(self) -> list[Variant]:
        """What was measured."""
        return [one for one in Variant if any(key[0] is one for key in self.cells)]


def values(cells: Cells, variant: Variant, size: str, connections: int, name: str) -> list[float]:
    """Give one figure of all rounds of a cell; none for one that was not measured."""
    return [getattr(one, name) for one in cells.get((variant, size, connections), ())]


def added_p50(cells: Cells, variant: Variant, size: str) -> list[float]:
    """Give what a variant adds to the p50 of bare Envoy at one connection, in ms, round by round."""
    mine, bare = (values(cells, one, size, 1, "p50_ms") for one in (variant, Variant.BARE))
    return [one - other for one, other in zip(mine, bare, strict=True)] if mine else []


def added_ratios(cells: Cells, variant: Variant, size: str, floor: Variant) -> list[float]:
    """Give that as a multiple of what a floor adds, round by round."""
    return _ratios(added_p50(cells, variant, size), added_p50(cells, floor, size))


def ratios(cells: Cells, variant: Variant, size: str, connections: int, name: str, floor: Variant) -> list[float]:
    """Give one figure as a multiple of a floor's, round by round."""
    mine, other = (values(cells, one, size, connections, name) for one in (variant, floor))
    return _ratios(mine, other)


def added_by_telemetry(cells: Cells, size: str) -> list[float]:
    """Give what telemetry adds to the p50 at one connection, in ms, round by round."""
    on, off = (values(cells, one, size, 1, "p50_ms") for one in (Variant.NATIVE_SKIPPED, Variant.UNTRACED))
    return [one - other for one, other in zip(on, off, strict=True)]


def telemetry_ratios(cells: Cells, size: str) -> list[float]:
    """Give that as a multiple of what the floor of grpc.aio adds, round by round: milliseconds differ from machine to machine."""
    return _ratios(added_by_telemetry(cells, size), added_p50(cells, Variant.FLOOR, size))


def middle(figures: Sequence[float]) -> float:
    """Give the median; NaN for none."""
    return median(figures) if figures else nan


def _ratios(mine: Sequence[float], floor: Sequence[float]) -> list[float]:
    """Rounds in which noise has made the floor free say nothing; nor does a floor that was not measured."""
    return [one / other for one, other in zip(mine, floor, strict=True) if other > 0] if floor else []
