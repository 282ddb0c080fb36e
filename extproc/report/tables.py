"""The tables of a report: the same rows as text, as CSV and in a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from extproc.report.figures import Figures, Group, Quantiles, Report
from extproc.report.wording import percent, rounded, seconds


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table of groups."""

    head: str
    cell: Callable[[Figures], str]


COLUMNS = (
    Column("requests", lambda told: f"{told.requests:,}"),
    Column("by draft", lambda told: percent(told.draft_use_rate)),
    Column("cost", lambda told: rounded(told.cost_usd)),
    Column("verify alone", lambda told: rounded(told.baseline_usd)),
    Column("saved", lambda told: rounded(told.saved_usd)),
    Column("saved %", lambda told: percent(told.saved_share)),
    Column("unknown", lambda told: f"{told.cost_unknown:,}" if told.cost_unknown else ""),
    Column("p50", lambda told: seconds(told.latency_s.p50)),
    Column("p95", lambda told: seconds(told.latency_s.p95)),
    Column("first p50", lambda told: seconds(told.first_byte_s.p50)),
)
"""Of a table of groups, behind the name."""


def group_rows(groups: Sequence[Group]) -> list[list[str]]:
    """Give one row for each group: its name and all columns. Amounts are rounded."""
    return [[group.name or "(none)", *[column.cell(group.figures) for column in COLUMNS]] for group in groups]


def outcomes(report: Report) -> list[Group]:
    """Give the outcomes as groups, the most frequent first."""
    found = sorted(report.summary.outcomes.items(), key=lambda item: (-item[1].requests, item[0]))
    return [Group(name=name, figures=figures) for name, figures in found]


RANKS = ("p50", "p90", "p95", "p99")


def quantile_rows(figures: Figures) -> list[list[str]]:
    """Give the percentiles of all requests for a model, and of those that the verify model did not answer at once."""
    kinds = (
        ("whole answer", figures.latency_s),
        ("whole answer, without DIRECT", figures.latency_without_direct_s),
        ("first byte", figures.first_byte_s),
        ("first byte, without DIRECT", figures.first_byte_without_direct_s),
    )
    return [[name, *[seconds(getattr(told, rank)) for rank in RANKS]] for name, told in kinds]


def as_csv(report: Report) -> str:
    """Write the groups as CSV (RFC 4180), every amount with all its digits, times in seconds, nothing where it is not known."""
    out = io.StringIO()
    writer = csv.writer(out)
    plain = [name for name in Figures.__struct_fields__ if not name.endswith("_s")]
    ranked = [name for name in Figures.__struct_fields__ if name.endswith("_s")]
    writer.writerow([report.by, *plain, *[f"{name.removesuffix('_s')}_{rank}_s" for name in ranked for rank in RANKS]])
    for group in report.groups:
        values = msgspec.structs.asdict(group.figures)
        told: list[Quantiles] = [values[name] for name in ranked]
        ranks = [getattr(quantiles, rank) for quantiles in told for rank in RANKS]
        writer.writerow([_safe(group.name), *[_plain(values[name]) for name in plain], *ranks])
    return out.getvalue()


def _plain(value: object) -> object:
    return f"{value:f}" if hasattr(value, "as_tuple") else value


def _safe(name: str) -> str:
    """A spreadsheet takes some texts for formulas (OWASP, CSV injection); names come from clients."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
