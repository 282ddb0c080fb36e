"""Amounts are whole picodollars; a double carries one without loss up to 1000 dollars."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from extproc.core.money import PICO, pico, shown, total, usd

AMOUNTS = some.integers(0, 1000 * PICO - 1)


@given(AMOUNTS)
def test_an_amount_survives_the_journey_as_dollars(amount: int):
    assert pico(usd(amount)) == amount
    assert Decimal(repr(usd(amount))) == Decimal(amount) / PICO


@given(some.lists(AMOUNTS, max_size=50))
def test_a_total_is_the_nearest_double_to_the_exact_sum(amounts: list[int]):
    assert total(map(usd, amounts)) == usd(sum(amounts))


@given(some.integers(-(10**27), 10**27))
def test_all_digits_are_shown(amount: int):
    text = shown(amount)
    assert Decimal(text) * PICO == amount
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0"), (1, "0.000000000001"), (120_000_000, "0.00012"), (-3 * PICO, "-3"), (12_500_000_000_000, "12.5")]
)
def test_how_it_looks(amount: int, text: str):
    assert shown(amount) == text
