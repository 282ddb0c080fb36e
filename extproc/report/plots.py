"""Plots of a report as inline SVG: no script, no network, colours from the page's style sheet (dark and light)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from extproc.core.vocabulary import Outcome
from extproc.report.figures import Bucket, Group, Report
from extproc.report.wording import moment, rounded, seconds

_WIDTH, _HEIGHT = 720.0, 200.0
_LEFT, _TOP, _BOTTOM = 76.0, 8.0, 22.0
ORDER = ("SKIPPED", "ACCEPTED", "FALLBACK", "ENHANCED", "RESCUED", "DIRECT", "BYPASSED", "FAILED")
"""Outcomes as they are stacked: the draft's answers below, then the verify model's, then the rest."""


def outcome_mix(report: Report) -> str:
    """Draw how many requests had which outcome, a bar for each stretch of time."""
    series = report.series
    frame = _Frame(report, max((bucket.requests for bucket in series), default=0), lambda value: f"{value:g}")
    parts = []
    for bucket in series:
        below = 0
        for outcome in ORDER:
            told = bucket.outcomes.get(outcome)
            if told is not None:
                parts.append(frame.bar(bucket, below, told.requests, outcome, f"{outcome}: {told.requests}"))
                below += told.requests
    return frame.drawn("Requests by outcome over time", "".join(parts))


def money(report: Report) -> str:
    """Draw what the verify model alone would have cost, and how much of it was spent, a pair of bars for each stretch of time."""
    highest = max((float(max(bucket.cost_usd, bucket.baseline_usd)) for bucket in report.series), default=0.0)
    frame = _Frame(report, highest, lambda value: f"${value:.3g}")
    parts = [
        frame.bar(bucket, 0, float(bucket.baseline_usd), "baseline", f"verify alone {rounded(bucket.baseline_usd)}", share=(0.0, 1.0))
        + frame.bar(bucket, 0, float(bucket.cost_usd), "cost", f"spent {rounded(bucket.cost_usd)}", share=(0.25, 0.5))
        for bucket in report.series
    ]
    return frame.drawn("Spent, and what the verify model alone would have cost, over time", "".join(parts))


def latency(groups: Sequence[Group]) -> str:
    """Draw the spread of durations (p50 to p95, a mark at p99) for each group, on a logarithmic axis."""
    shown = [group for group in groups if group.figures.latency_s.p50 is not None]
    values = [value for group in shown for value in (group.figures.latency_s.p50, group.figures.latency_s.p99) if value]
    if not values:
        return ""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    left, row = 110.0, 24.0
    height = row * len(shown) + 26

    def across(value: float) -> float:
        return left + (_WIDTH - left - 60) * (math.log10(max(value, 10.0**low)) - low) / max(1, high - low)

    parts = [
        f'<line class="grid" x1="{across(10.0**power):.1f}" x2="{across(10.0**power):.1f}" y1="0" y2="{height - 22:.0f}"/>'
        f'<text class="axis" x="{across(10.0**power):.1f}" y="{height - 6:.0f}" text-anchor="middle">{seconds(10.0**power)}</text>'
        for power in range(low, high + 1)
    ]
    for number, group in enumerate(shown):
        told, y = group.figures.latency_s, row * number + row / 2
        begin, end, last = (across(value or 0.0) for value in (told.p50, told.p95, told.p99))
        tip = f"{group.name}: p50 {seconds(told.p50)}, p95 {seconds(told.p95)}, p99 {seconds(told.p99)}"
        parts.append(
            f'<g class="{_class(group.name)}"><title>{escape(tip)}</title>'
            f'<text class="axis" x="0" y="{y + 4:.1f}">{escape(_cut(group.name))}</text>'
            f'<rect class="mark" x="{begin:.1f}" y="{y - 5:.1f}" width="{max(3.0, end - begin):.1f}" height="10"/>'
            f'<line class="stroke" x1="{last:.1f}" x2="{last:.1f}" y1="{y - 7:.1f}" y2="{y + 7:.1f}"/></g>'
        )
    return _svg("Duration of requests, p50 to p95, with a mark at p99", height, "".join(parts))


class _Frame:
    """Axes of a plot over time, and bars in it."""

    def __init__(self, report: Report, highest: float, label: Callable[[float], str]) -> None:
        series = report.series
        self._bucket_s = report.bucket_s
        self._first = series[0].at if series else 0.0
        self._count = round((series[-1].at - self._first) / report.bucket_s) + 1 if series else 1
        self._top = _nice(highest)
        self._label = label
        self._last = series[-1].at if series else 0.0

    def _x(self, at: float) -> float:
        return _LEFT + (_WIDTH - _LEFT) * (at - self._first) / self._bucket_s / self._count

    def _y(self, value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / self._top)

    def bar(self, bucket: Bucket, below: float, value: float, name: str, tip: str, share: tuple[float, float] = (0.0, 1.0)) -> str:
        """Draw one bar on top of `below`, in a share of the stretch's width."""
        room = (_WIDTH - _LEFT) / self._count
        inner = max(1.0, room * 0.86)
        x, width = self._x(bucket.at) + inner * share[0], max(0.8, inner * share[1])
        y, height = self._y(below + value), self._y(below) - self._y(below + value)
        what = f"<title>{escape(f'{moment(bucket.at)} · {tip}')}</title>"
        return f'<rect class="mark {_class(name)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">{what}</rect>'

    def drawn(self, title: str, bars: str) -> str:
        """Give the whole plot."""
        lines = []
        for part in (0.0, 0.5, 1.0):
            y, value = self._y(self._top * part), self._top * part
            lines.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(self._label(value))}</text>'
            )
        ends = (
            f'<text class="axis" x="{_LEFT}" y="{_HEIGHT - 4}">{moment(self._first)}</text>'
            f'<text class="axis" x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{moment(self._last + self._bucket_s)}</text>'
        )
        return _svg(title, _HEIGHT, "".join(lines) + bars + ends)


def _svg(title: str, height: float, inside: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">{inside}</svg>'


def _class(name: str) -> str:
    """The class of a mark: an outcome or a word of ours; other names, which may come from clients, share one."""
    return name if name in set(Outcome) | {"cost", "baseline"} else "plain"


def _cut(name: str) -> str:
    return name if len(name) <= 15 else f"{name[:14]}…"


def _nice(highest: float) -> float:
    """The end of an axis: a round number that is not below the highest value."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= highest * (1 - 1e-9))
