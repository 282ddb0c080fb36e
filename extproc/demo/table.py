"""How a request of the demonstration looks as a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_COLUMNS = (
    ("request", 46),
    ("dialect", 18),
    ("plan", 7),
    ("outcome", 9),
    ("model", 16),
    ("status", 6),
    ("ms", 6),
    ("tokens", 11),
    ("cost $", 9),
    ("verify $", 9),
    ("rules", 40),
)
_RIGHT = {"status", "ms", "tokens", "cost $", "verify $"}


@dataclass(frozen=True, slots=True)
class Row:
    """One finished request: what the client saw, and the record of it."""

    title: str
    stream: bool
    expected: str
    status: int
    expected_status: int
    outcome: str
    model: str
    milliseconds: float
    record: dict[str, Any]

    @property
    def as_expected(self) -> bool:
        """The client saw the outcome and the status that it should see."""
        return (self.outcome, self.status) == (self.expected, self.expected_status)


def header() -> str:
    """Give the two head lines."""
    names = _line([name for name, _ in _COLUMNS])
    return f"{names}\n{'─' * len(names.rstrip())}"


def line(row: Row) -> str:
    """Give one row; a row that is not as expected says so."""
    record = row.record
    usage = record.get("usage") or {}
    tokens = f"{usage['input']}→{usage['output']}" if usage else "–"
    cells = [
        row.title,
        f"{record.get('dialect') or '–'}{' ≋' if row.stream else ''}",
        record.get("plan", "–"),
        row.outcome or "–",
        row.model or "–",
        str(row.status),
        f"{row.milliseconds:.0f}",
        tokens,
        _dollars(record.get("cost_usd")),
        _dollars(record.get("baseline_usd")),
        ", ".join(record.get("rules", [])),
    ]
    mark = "" if row.as_expected else f"  ← expected {row.expected} {row.expected_status}"
    return _line(cells) + mark


def summary(rows: Sequence[Row]) -> str:
    """Give the sums of the requests whose costs are known."""
    priced = [row.record for row in rows if row.record.get("cost_usd") is not None and row.record.get("baseline_usd") is not None]
    cost = sum(record["cost_usd"] for record in priced)
    baseline = sum(record["baseline_usd"] for record in priced)
    drafted = sum(row.outcome == "SKIPPED" for row in rows)
    saved = f"{(1 - cost / baseline) * 100:.1f} % saved" if baseline else "nothing to compare"
    return f"{len(rows)} requests, {drafted} answered by the draft model; cost ${cost:.5f}, verify alone ${baseline:.5f}: {saved}"


def _dollars(value: float | None) -> str:
    return "–" if value is None else f"{value:.5f}"


def _line(cells: Sequence[str]) -> str:
    parts = []
    for (name, width), cell in zip(_COLUMNS, cells, strict=True):
        cut = cell if len(cell) <= width else cell[: width - 1] + "…"
        parts.append(cut.rjust(width) if name in _RIGHT else cut.ljust(width))
    return "  ".join(parts).rstrip()
