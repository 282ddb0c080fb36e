"""Numbers that are counted on the hot path and told from time to time: counters, amounts of money, histograms, gauges.

One worker keeps them in memory. Where there are several, each writes all of its own into one small file (a snapshot), and whichever
is asked reads the files of the others and adds them up. A worker that is started again goes on from its file, so sums never fall.
Amounts are whole picodollars, added as integers: right to the last digit, whatever their number and the number of workers.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

Key = tuple[str, ...]
"""The values of a metric's labels, in their order."""

MOST = 250
"""Label sets of one metric. What comes beyond is counted under `other`, so that nothing from outside can make a metric grow on."""
OTHER = "other"
_FRESH_S = 1.0
"""So long an exemplar stays at least: nobody looks more often."""


class Exemplar(msgspec.Struct, array_like=True, gc=False):
    """One observation among those of a bucket."""

    trace_id: str
    value: float
    at: float


class Series(msgspec.Struct, array_like=True, gc=False):
    """The observations of one label set: their number in each bucket (the last has no bound), and their sum."""

    counts: list[int]
    total: float
    exemplars: list[Exemplar | None]


class State(msgspec.Struct, gc=False):
    """All numbers of one worker, by metric and label set."""

    pid: int = 0
    counts: dict[str, dict[Key, int]] = {}
    amounts: dict[str, dict[Key, int]] = {}
    histograms: dict[str, dict[Key, Series]] = {}
    gauges: dict[str, dict[Key, float]] = {}


class _Snapshot(msgspec.Struct, array_like=True):
    """A state on its way through a file: amounts may be larger than the integers of MessagePack."""

    pid: int
    counts: dict[str, dict[Key, int]]
    amounts: dict[str, dict[Key, Decimal]]
    histograms: dict[str, dict[Key, Series]]
    gauges: dict[str, dict[Key, float]]


class Counts:
    """A counter."""

    __slots__ = ("_values",)

    def __init__(self, state: State, name: str) -> None:
        self._values = state.counts.setdefault(name, {})

    def add(self, key: Key = (), more: int = 1) -> None:
        """Count."""
        try:
            self._values[key] += more
        except KeyError:
            self._begin(key, more)

    def _begin(self, key: Key, more: int) -> None:
        values = self._values
        if len(values) >= MOST:
            key = (OTHER,) * len(key)
        values[key] = values.get(key, 0) + more

    def reach(self, key: Key, total: int) -> None:
        """Take a count that somebody else keeps."""
        self.add(key, max(0, total - self._values.get(key, 0)))


class Amounts:
    """A sum of money, in picodollars."""

    __slots__ = ("_values",)

    def __init__(self, state: State, name: str) -> None:
        self._values = state.amounts.setdefault(name, {})

    def add(self, key: Key, picodollars: int) -> None:
        """Add an amount, which may be below zero."""
        self._values[key] = self._values.get(key, 0) + picodollars


class Histogram:
    """Counts observations by size."""

    __slots__ = ("_bounds", "_values")

    def __init__(self, state: State, name: str, bounds: tuple[float, ...]) -> None:
        values = state.histograms.setdefault(name, {})
        for key in [key for key, series in values.items() if len(series.counts) != len(bounds) + 1]:
            del values[key]  # another release of ours had other bounds
        self._values = values
        self._bounds = bounds

    def observe(self, key: Key, value: float, trace_id: str = "", at: float = 0.0, *, times: int = 1) -> None:
        """Take one observation, or several that are alike; with a trace id it may become the exemplar of its bucket."""
        series = self._values.get(key)
        if series is None:
            if len(self._values) >= MOST:
                key = (OTHER,) * len(key)
            size = len(self._bounds) + 1
            series = self._values.setdefault(key, Series([0] * size, 0.0, [None] * size))
        bucket = bisect_left(self._bounds, value)
        series.counts[bucket] += times
        series.total += value * times
        if trace_id:
            last = series.exemplars[bucket]
            if last is None or at - last.at > _FRESH_S:
                series.exemplars[bucket] = Exemplar(trace_id, value, at)


class Gauge:
    """A value that rises and falls."""

    __slots__ = ("_values",)

    def __init__(self, state: State, name: str) -> None:
        self._values = state.gauges.setdefault(name, {})

    def set(self, value: float, key: Key = ()) -> None:
        """Say how it stands."""
        self._values[key] = value

    def replace(self, values: Mapping[Key, float]) -> None:
        """Say how all of it stands; of what is not named nothing is told any more."""
        self._values.clear()
        self._values.update(values)


class Shared:
    """The snapshots of all workers, one file for each in a folder of theirs."""

    def __init__(self, folder: Path, index: int) -> None:
        """Be the worker of this number."""
        self._folder = folder
        self._own = folder / f"{index}.tally"
        self._lock = threading.Lock()

    def state(self) -> State:
        """Give what this worker's predecessor had counted; its gauges are gone with it."""
        state = _read(self._own) or State(counts={}, amounts={}, histograms={}, gauges={})
        state.pid, state.gauges = os.getpid(), {}
        return state

    def write(self, state: State) -> None:
        """Write a snapshot; any thread. OSError where it cannot be written: then the old one stands."""
        new = self._own.with_suffix(".new")
        with self._lock:
            amounts = {name: {key: Decimal(amount) for key, amount in list(values.items())} for name, values in state.amounts.items()}
            snapshot = _Snapshot(state.pid, state.counts, amounts, state.histograms, state.gauges)
            # One call into C, so the event loop's thread cannot change anything in between.
            new.write_bytes(_ENCODER.encode(snapshot))
            new.replace(self._own)

    def others(self) -> Iterator[State]:
        """Give the last snapshots of all others; gauges only of those that are alive."""
        for path in sorted(self._folder.glob("*.tally")):
            if path != self._own and (state := _read(path)) is not None:
                if not _lives(state.pid):
                    state.gauges = {}
                yield state


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Snapshot)


def _read(path: Path) -> State | None:
    try:
        told = _DECODER.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    amounts = {name: {key: int(amount) for key, amount in values.items()} for name, values in told.amounts.items()}
    return State(told.pid, told.counts, amounts, told.histograms, told.gauges)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def summed(states: list[State], highest: frozenset[str]) -> State:
    """Add up the numbers of all workers; of the gauges in `highest` the highest counts. Gives a new state."""
    whole = State(counts={}, amounts={}, histograms={}, gauges={})
    for state in states:
        for name, counts in state.counts.items():
            into = whole.counts.setdefault(name, {})
            for key, count in counts.items():
                into[key] = into.get(key, 0) + count
        for name, amounts in state.amounts.items():
            money = whole.amounts.setdefault(name, {})
            for key, amount in amounts.items():
                money[key] = money.get(key, 0) + amount
        for name, histograms in state.histograms.items():
            _add_histograms(whole.histograms.setdefault(name, {}), histograms)
        for name, gauges in state.gauges.items():
            values = whole.gauges.setdefault(name, {})
            for key, value in gauges.items():
                old = values.get(key, 0.0)
                values[key] = max(old, value) if name in highest else old + value
    return whole


def _add_histograms(into: dict[Key, Series], more: dict[Key, Series]) -> None:
    for key, series in more.items():
        old = into.get(key)
        if old is None or len(old.counts) != len(series.counts):
            into[key] = Series([*series.counts], series.total, [*series.exemplars])
            continue
        old.counts = [one + other for one, other in zip(old.counts, series.counts, strict=True)]
        old.total += series.total
        old.exemplars = [_newer(one, other) for one, other in zip(old.exemplars, series.exemplars, strict=True)]


def _newer(one: Exemplar | None, other: Exemplar | None) -> Exemplar | None:
    if one is None or other is None:
        return one or other
    return one if one.at >= other.at else other
