"""The numbers to hold, against what was measured."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from math import isnan

from bench.figures import ON_GRPCIO, ON_NATIVE, Cells, Result, Variant, added_by_telemetry, added_ratios, middle, ratios, telemetry_ratios

_ADDED = {Variant.FLOOR: 1.5, Variant.GO: 1.0}
"""Added p50 as a multiple of a floor's: on grpcio of that of grpc.aio, on native of that of Go."""
_CPU = {Variant.FLOOR: 1.4, Variant.GO: 1.0}
_RPS = 1.2
_TRACED_RPS = 0.85
_TRACED_MS = 0.15
_TRACED = 0.42
"""The same on any machine: where 0.15 ms were asked for, the floor of grpc.aio added 0.36."""
_READ_US = {"1KB": 50.0, "1MB": 1_000.0}
_IDLE_MB = 90.0


@dataclass(frozen=True, slots=True)
class Promise:
    """One number to hold."""

    what: str
    measured: float
    limit: float
    sense: str = "≤"
    """How the measured stands to the limit: ≤, ≥ or =."""

    @property
    def holds(self) -> bool | None:
        """Whether it holds; None where nothing could be measured."""
        if isnan(self.measured):
            return None
        return bool(_SENSES[self.sense](self.measured, self.limit))


_SENSES = {"≤": operator.le, "≥": operator.ge, "=": operator.eq}


def promises(result: Result) -> list[Promise]:
    """List what this run can say something about; ratios are the medians of the rounds."""
    sizes = [one for one in ("0.2KB", "100KB") if one in result.sizes]
    told = [one for size in sizes for one in _added(result.cells, size)]
    if "0.2KB" in result.sizes:
        told += [*_cpu(result.cells, "0.2KB"), *_telemetry(result.cells, "0.2KB")]
    told += [one for size in sizes for one in _throughput(result.cells, size)]
    told += [Promise(f"messages, {one.what}", one.waited, one.expected, "=") for one in result.counts]
    told += [
        Promise(f"accept, classify and plan, {one.size}, {one.shape}, µs", one.whole_us, _READ_US[one.size]) for one in result.readings
    ]
    told.append(Promise("resident memory, idle, MB", result.memory.idle, _IDLE_MB))
    failed_open = sum(one.failed_open for rounds in result.cells.values() for one in rounds)
    return [*told, Promise("requests that failed open", failed_open, 0, "=")]


_AGAINST_GO = (Variant.NATIVE, *ON_NATIVE)
_FLOOR_OF = {**dict.fromkeys(ON_GRPCIO, Variant.FLOOR), **dict.fromkeys(_AGAINST_GO, Variant.GO)}
"""Which floor a variant is held against: its own transport's; Go's, where the transport is ours."""


def _added(cells: Cells, size: str) -> list[Promise]:
    return [
        Promise(f"added p50, {size}, {one}, × {floor}", middle(added_ratios(cells, one, size, floor)), _ADDED[floor])
        for one, floor in _FLOOR_OF.items()
    ]


def _cpu(cells: Cells, size: str) -> list[Promise]:
    return [
        Promise(f"processor CPU, {size}, {one}, × {floor}", middle(ratios(cells, one, size, 16, "processor_cpu_ms", floor)), _CPU[floor])
        for one, floor in _FLOOR_OF.items()
    ]


def _telemetry(cells: Cells, size: str) -> list[Promise]:
    """Envoy's spans and ours, their export and the conventions' metrics, on and off."""
    throughput = middle(ratios(cells, Variant.NATIVE_SKIPPED, size, 16, "rps", Variant.UNTRACED))
    return [
        Promise(f"req/s, {size}, telemetry on, × off", throughput, _TRACED_RPS, "≥"),
        Promise(f"p50 that telemetry adds, {size}, ms", middle(added_by_telemetry(cells, size)), _TRACED_MS),
        Promise(f"p50 that telemetry adds, {size}, × {Variant.FLOOR}", middle(telemetry_ratios(cells, size)), _TRACED),
    ]


def _throughput(cells: Cells, size: str) -> list[Promise]:
    told = {one: middle(ratios(cells, one, size, 16, "rps", Variant.GO)) for one in _AGAINST_GO}
    return [Promise(f"req/s, {size}, {one}, × {Variant.GO}", measured, _RPS, "≥") for one, measured in told.items()]
