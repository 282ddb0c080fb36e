"""Ratios are of the same round; what cannot be said is not said."""

from __future__ import annotations

from math import isnan

import pytest

from bench.figures import Round, Variant, added_p50, added_ratios, middle, ratios
from tests.bench.made import cells


def test_added_p50_is_taken_round_by_round() -> None:
    made = cells("0.2KB")
    assert added_p50(made, Variant.FLOOR, "0.2KB") == [1.0, 2.0, 2.0]
    assert added_ratios(made, Variant.SKIPPED, "0.2KB", Variant.FLOOR) == pytest.approx([1.5, 1.2, 1.5])
    assert ratios(made, Variant.SKIPPED, "0.2KB", 16, "processor_cpu_ms", Variant.FLOOR) == [1.5, 1.5, 1.5]


def test_a_round_in_which_the_floor_costs_nothing_says_nothing() -> None:
    made = dict(cells("0.2KB"))
    free = Round(1.0, 1.0, 1.0, 1.0, 0.0, 1, 0)
    made[Variant.FLOOR, "0.2KB", 1] = [free, *made[Variant.FLOOR, "0.2KB", 1][1:]]
    assert len(added_ratios(made, Variant.SKIPPED, "0.2KB", Variant.FLOOR)) == 2
    assert len(ratios(made, Variant.SKIPPED, "0.2KB", 1, "processor_cpu_ms", Variant.FLOOR)) == 2


def test_middle() -> None:
    assert middle([3.0, 1.0, 2.0]) == 2.0
    assert isnan(middle([]))


def test_what_was_not_measured_has_no_ratio() -> None:
    made = {key: rounds for key, rounds in cells("0.2KB").items() if key[0] is not Variant.GO}
    assert added_p50(made, Variant.GO, "0.2KB") == []
    assert added_ratios(made, Variant.SKIPPED, "0.2KB", Variant.GO) == []
    assert ratios(made, Variant.SKIPPED, "0.2KB", 16, "rps", Variant.GO) == []
