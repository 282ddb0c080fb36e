"""Numbers as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

NONE = "–"
"""What is not known, or was not there."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def exact(amount: Decimal) -> str:
    """Write an amount with all its digits: `$0.00396332`, `-$1.5`."""
    return _signed(amount, f"{abs(amount):f}")


def rounded(amount: Decimal, decimals: int = 6) -> str:
    """Write an amount with so many decimals, so that columns of them can be compared."""
    cut = abs(amount).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return _signed(amount, f"{cut:,f}")


def _signed(amount: Decimal, digits: str) -> str:
    return f"{'-' if amount < 0 else ''}${digits}"


def percent(share: float | None) -> str:
    """Write a share of one."""
    return NONE if share is None else f"{share:.1%}".replace("%", " %")


def seconds(value: float | None) -> str:
    """Write a duration with three digits that count."""
    if value is None:
        return NONE
    if value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"


def span(seconds: float) -> str:
    """Write a length of time in its largest unit: `24 h`, `7 d`, `90 s`."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def moment(at: float | None) -> str:
    """Write a time of day, in UTC."""
    return NONE if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
