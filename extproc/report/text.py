"""A report as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.report import tables
from extproc.report.figures import Group, Report
from extproc.report.wording import exact, moment, percent, span


def as_text(report: Report) -> str:
    """Write the totals with all their digits, the percentiles, the outcomes, and the groups where they are something else."""
    whole = report.summary.all
    if not whole.requests:
        return f"{report.source}: no requests{_since(report)}\n"
    head = f"{whole.requests:,} requests{_since(report)}: {moment(report.summary.first_at)} to {moment(report.summary.last_at)}"
    asked = f"{whole.drafted:,} of {whole.model_requests:,} requests for a model, DIRECT among them"
    totals = [
        ["by draft", percent(whole.draft_use_rate), asked],
        ["cost", exact(whole.cost_usd), ""],
        ["verify alone", exact(whole.baseline_usd), ""],
        ["saved", exact(whole.saved_usd), percent(whole.saved_share)],
        ["tokens", f"{whole.input_tokens:,} in, {whole.output_tokens:,} out", ""],
    ]
    if whole.cost_unknown:
        totals.append(["unknown", f"{whole.cost_unknown:,} requests", "of which the cost is not known; they are in no amount"])
    parts = [
        head,
        _aligned(totals, right=set()),
        _aligned([["time", *tables.RANKS], *tables.quantile_rows(whole)]),
        _groups("outcome", tables.outcomes(report)),
    ]
    if report.by != "outcome":
        parts.append(_groups(report.by, report.groups))
    return "\n\n".join(parts) + "\n"


def _since(report: Report) -> str:
    since_s = report.summary.since_s
    return "" if since_s is None else f" in the last {span(since_s)}"


def _groups(by: str, groups: Sequence[Group]) -> str:
    return _aligned([[by, *[column.head for column in tables.COLUMNS]], *tables.group_rows(groups)])


def _aligned(rows: Sequence[Sequence[str]], right: set[int] | None = None) -> str:
    """Set rows in columns; all but the first stand to the right, unless told otherwise."""
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    to_right = set(range(1, len(widths))) if right is None else right
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number in to_right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
