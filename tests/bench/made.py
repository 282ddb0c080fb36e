"""A made-up result, with round figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench.figures import CONNECTIONS, Cells, Count, Memory, Reading, Result, Round, Variant

_P50 = {
    Variant.BARE: (1.0, 2.0, 1.0),
    Variant.FLOOR: (2.0, 4.0, 3.0),
    Variant.GO: (1.5, 3.5, 2.0),
    Variant.NATIVE: (1.4, 2.4, 1.4),
    Variant.SKIPPED: (2.5, 4.4, 4.0),
    Variant.DIRECT: (2.0, 3.0, 2.0),
    Variant.NATIVE_SKIPPED: (1.5, 2.5, 1.5),
    Variant.NATIVE_DIRECT: (1.5, 2.5, 1.5),
    Variant.UNTRACED: (1.4, 2.4, 1.3),
}
_CPU = {
    Variant.BARE: 0.0,
    Variant.FLOOR: 200.0,
    Variant.GO: 125.0,
    Variant.NATIVE: 50.0,
    Variant.SKIPPED: 300.0,
    Variant.DIRECT: 250.0,
    Variant.NATIVE_SKIPPED: 100.0,
    Variant.NATIVE_DIRECT: 100.0,
    Variant.UNTRACED: 80.0,
}


def cells(*sizes: str) -> Cells:
    """The same three rounds for every size."""
    return {
        (variant, size, connections): [Round(p50, 2 * p50, 1000 / p50, 100.0, _CPU[variant], 500, 0) for p50 in _P50[variant]]
        for variant in Variant
        for size in sizes
        for connections in CONNECTIONS
    }


def result(*sizes: str, **changed: Any) -> Result:
    """A whole run in which everything but one CPU ratio holds."""
    base = Result(
        machine="a machine",
        others=0.01,
        sizes=sizes,
        cells=cells(*sizes),
        counts=[Count("SKIPPED, JSON", 3.0, 3.0, 3), Count("DIRECT, JSON", 2.4, 2.0, 2), Count("no LLM call", 0.0, 0.0, 0)],
        readings=[Reading("1KB", "conversation", 15.0, 12.0, 1.0, 28.0), Reading("1MB", "conversation", 450.0, 13.0, 2.0, 465.0)],
        memory=Memory(80.0, 87.0),
    )
    return replace(base, **changed)
