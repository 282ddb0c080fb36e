"""How a request of the demonstration looks as a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from extproc.core.money import total
from extproc.demo.samples import Sample

_COLUMNS = (
    ("request (≋ streamed)", 42),
    ("dialect", 9),
    ("plan", 7),
    ("outcome", 12),
    ("model", 15),
    ("s", 4),
    ("cost $", 7),
    ("verify $", 8),
    ("rules", 40),
)
_RIGHT = {"s", "cost $", "verify $"}
_DRAFTED = {"SKIPPED", "ACCEPTED", "FALLBACK"}
"""Outcomes of which the client gets the draft model's answer."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finished request: what was sent, what the client saw, and the record of it."""

    sample: Sample
    status: int
    outcome: str
    model: str
    seconds: float
    record: dict[str, Any]

    @property
    def trace_id(self) -> str:
        """The trace of this request; empty where nobody told it."""
        told: str = self.record.get("trace_id", "")
        return told

    @property
    def as_expected(self) -> bool:
        """The client saw what it should see, and the record says the same, with the right reason."""
        sample, record = self.sample, self.record
        seen = (self.outcome, self.status) == (sample.outcome, sample.status)
        told = (record.get("plan"), record.get("outcome")) == (sample.plan, sample.outcome)
        return seen and told and (not sample.because or sample.because in record["rules"])


def header() -> str:
    """Give the two head lines."""
    names = _line([name for name, _ in _COLUMNS])
    return f"{names}\n{'─' * (sum(width + 2 for _, width in _COLUMNS) - 2)}"


def line(row: Row) -> str:
    """Give one row; a row that is not as expected says so."""
    sample, record = row.sample, row.record
    cells = [
        f"{sample.title}{' ≋' if sample.stream else ''}",
        (record.get("dialect") or "–").removeprefix("openai_"),
        record.get("plan", "–"),
        f"{row.outcome or '–'}{f' {row.status}' if row.status != 200 else ''}",
        row.model.strip("-") or "–",
        f"{row.seconds:.1f}",
        _dollars(record.get("cost_usd")),
        _dollars(record.get("baseline_usd")),
        _reasons(record.get("rules", []), sample.because),
    ]
    expected = f"  ← expected {sample.plan} {sample.outcome} {sample.status} {sample.because}".rstrip()
    return _line(cells) + ("" if row.as_expected else expected)


def summary(rows: Sequence[Row]) -> str:
    """Give the sums of all rows, the direct ones included. What an error cost counts, though nobody else would have paid for it."""
    called = [row for row in rows if row.outcome != "BYPASSED"]
    drafted = sum(row.outcome in _DRAFTED for row in called)
    share = f"{drafted / len(called):.0%}" if called else "none"
    cost, baseline = (total([row.record.get(name) or 0.0 for row in rows]) for name in ("cost_usd", "baseline_usd"))
    saved = f"{1 - cost / baseline:.0%} saved" if baseline else "nothing to compare"
    return (
        f"{len(rows)} requests, {len(called)} for a model, {drafted} of them answered by the draft model ({share}); "
        f"cost ${cost:.4f}, with verify alone ${baseline:.4f}: {saved}"
    )


def _reasons(rules: Sequence[str], because: str) -> str:
    """As many rules as there is room for, that first which tells most; what went wrong comes last in a record, so go backwards then."""
    names = [because, *[rule for rule in reversed(rules) if rule != because]] if because in rules else list(rules)
    room = dict(_COLUMNS)["rules"]
    text = ", ".join(names)
    while len(text) > room and len(names) > 1:
        names.pop()
        text = f"{', '.join(names)}, …"
    return text


def _dollars(value: float | None) -> str:
    return "–" if value is None else f"{value:.5f}"


def _line(cells: Sequence[str]) -> str:
    parts = []
    for (name, width), cell in zip(_COLUMNS, cells, strict=True):
        cut = cell if len(cell) <= width else cell[: width - 1] + "…"
        parts.append(cut.rjust(width) if name in _RIGHT else cut.ljust(width))
    return "  ".join(parts).rstrip()
