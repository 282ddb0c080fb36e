"""Exact amounts of money: whole picodollars (1e-12 US dollars), so that a million sums are right to the last digit.

A price has at most 6 decimals per million tokens, so one token costs a whole number of picodollars, and so does every call. Where
an amount travels as a number of dollars (`cost_usd` in records, lines, spans) it is the double that is nearest to it: below 1000
dollars an amount has at most 15 significant digits, and 15 digits survive a double (IEEE 754), so nothing is lost on the way.
"""

from __future__ import annotations

from collections.abc import Iterable

PICO = 10**12
"""Picodollars in a dollar."""


def pico(usd: float) -> int:
    """Give the picodollars of an amount that travelled as dollars; exact below 1000 dollars."""
    return round(usd * PICO)


def usd(amount: int) -> float:
    """Give the double that is nearest to an amount of picodollars."""
    return amount / PICO


def total(amounts: Iterable[float]) -> float:
    """Add amounts in dollars without the rounding of a sum of doubles."""
    return usd(sum(map(pico, amounts)))


def shown(amount: int) -> str:
    """Write an amount of picodollars as dollars, with all its digits and no exponent: `0.00012`, `-3`, `12.5`."""
    whole, rest = divmod(abs(amount), PICO)
    decimals = f"{rest:012d}".rstrip("0")
    return f"{'-' if amount < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"
