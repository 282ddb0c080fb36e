"""Ratios are of the same round; what cannot be said is not said."""

from __future__ import annotations

from math import isnan

import pytest

from bench.figures import Memory, Round, Variant, added_p50, added_ratios, cpu_ratios, middle
from tests.bench.made import cells


def test_added_p50_is_taken_round_by_round() -> None:
    made = cells("0.2KB")
    assert added_p50(made, Variant.FLOOR, "0.2KB") == [1.0, 2.0, 2.0]
    assert added_ratios(made, Variant.SKIPPED, "0.2KB") == pytest.approx([1.5, 1.2, 1.5])
    assert cpu_ratios(made, Variant.SKIPPED, "0.2KB", 16) == [1.5, 1.5, 1.5]


def test_a_round_in_which_the_floor_costs_nothing_says_nothing() -> None:
    made = dict(cells("0.2KB"))
    free = Round(1.0, 1.0, 1.0, 1.0, 0.0, 1, 0)
    made[Variant.FLOOR, "0.2KB", 1] = [free, *made[Variant.FLOOR, "0.2KB", 1][1:]]
    assert len(added_ratios(made, Variant.SKIPPED, "0.2KB")) == 2
    assert len(cpu_ratios(made, Variant.SKIPPED, "0.2KB", 1)) == 2


def test_middle() -> None:
    assert middle([3.0, 1.0, 2.0]) == 2.0
    assert isnan(middle([]))


def test_growth_is_that_of_the_second_half() -> None:
    seen = [(1000 * number, 90.0 + min(number, 4) + number / 8) for number in range(1, 9)]
    assert Memory(80, 90, seen).growth() == 0.5


@pytest.mark.parametrize("looks", [0, 1, 2, 7])
def test_too_short_a_soak_shows_no_growth_either_way(looks: int) -> None:
    assert isnan(Memory(80, 90, [(1000 * number, 90.0) for number in range(1, looks + 1)]).growth())
