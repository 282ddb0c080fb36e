"""Numbers of one worker and of several: exact, bounded, never falling."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from extproc.shell import tallies
from extproc.shell.tallies import Amounts, Counts, Gauge, Histogram, Shared, State, summed

NONE: frozenset[str] = frozenset()


def fresh() -> State:
    return State(counts={}, amounts={}, histograms={}, gauges={})


def test_a_label_set_beyond_the_bound_is_counted_among_the_others():
    state = fresh()
    counts, histogram = Counts(state, "c"), Histogram(state, "h", (1.0,))
    for number in range(tallies.MOST + 50):
        counts.add((str(number), "x"))
        histogram.observe((str(number),), 0.5)
    counts.add(("3", "x"))
    assert len(state.counts["c"]) == len(state.histograms["h"]) == tallies.MOST + 1
    assert state.counts["c"][("other", "other")] == state.histograms["h"]["other",].counts[0] == 50
    assert state.counts["c"][("3", "x")] == 2


@given(some.lists(some.integers(0, 10**24), max_size=30), some.integers(1, 4))
def test_amounts_of_several_workers_add_up_to_the_last_digit(amounts: list[int], workers: int):
    states = [fresh() for _ in range(workers)]
    for number, amount in enumerate(amounts):
        Amounts(states[number % workers], "a").add(("x",), amount)
    told = summed(states, NONE).amounts.get("a", {}).get(("x",), 0)
    assert told == sum(amounts)


def test_histograms_add_up_and_keep_the_newest_exemplar():
    one, other = fresh(), fresh()
    Histogram(one, "h", (1.0, 2.0)).observe((), 0.5, "old", at=1.0)
    Histogram(one, "h", (1.0, 2.0)).observe((), 1.0, "new", at=3.0)
    Histogram(other, "h", (1.0, 2.0)).observe((), 0.7, "between", at=2.0)
    Histogram(other, "h", (1.0, 2.0)).observe((), 5.0, times=3)
    told = summed([one, other], NONE).histograms["h"][()]
    assert (told.counts, told.total) == ([3, 0, 3], 0.5 + 1.0 + 0.7 + 15.0)
    assert [exemplar and exemplar.trace_id for exemplar in told.exemplars] == ["new", None, None]
    assert one.histograms["h"][()].counts == [2, 0, 0]  # adding up changes nobody's own


def test_of_gauges_the_sum_is_told_or_the_highest():
    one, other = fresh(), fresh()
    for state, value in ((one, 2.0), (other, 3.0)):
        Gauge(state, "inflight").set(value)
        Gauge(state, "lag").set(value)
    told = summed([one, other], frozenset({"lag"})).gauges
    assert (told["inflight"][()], told["lag"][()]) == (5.0, 3.0)


def test_a_worker_goes_on_where_its_predecessor_ended(tmp_path: Path):
    shared = Shared(tmp_path, 1)
    state = shared.state()
    Counts(state, "c").add(("x",), 5)
    Amounts(state, "a").add((), 10**30)
    Histogram(state, "h", (1.0,)).observe((), 0.5, "t", 1.0)
    Gauge(state, "g").set(7.0)
    shared.write(state)
    again = Shared(tmp_path, 1).state()
    assert (again.counts["c"][("x",)], again.amounts["a"][()], again.gauges) == (5, 10**30, {})
    Histogram(again, "h", (1.0,)).observe((), 0.5)
    assert again.histograms["h"][()].counts == [2, 0]
    assert Histogram(again, "h", (1.0, 2.0))._values == {}  # another release of ours has other bounds


def test_the_others_are_heard_and_of_the_dead_all_but_their_gauges(tmp_path: Path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    for index, pid in ((1, os.getpid()), (2, int(ended.stdout))):
        shared = Shared(tmp_path, index)
        state = shared.state()
        Counts(state, "c").add()
        Gauge(state, "g").set(1.0)
        state.pid = pid
        shared.write(state)
    told = summed(list(Shared(tmp_path, 0).others()), NONE)
    assert (told.counts["c"][()], told.gauges["g"][()]) == (2, 1.0)


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"\x93\x01\x02\x03"])
def test_a_damaged_snapshot_is_none(tmp_path: Path, content: bytes):
    (tmp_path / "1.tally").write_bytes(content)
    assert list(Shared(tmp_path, 0).others()) == []
    assert Shared(tmp_path, 1).state().counts == {}
