"""What was measured of the cascade, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from bench.cascade import Added, Cascade, Streaming, added_ms
from bench.cases import EVENTS, LONG, LONG_PACE_US, PACE_US, STREAMED
from bench.report import table


def cascade_markdown(cascade: Cascade) -> str:
    """Give the cascade's part of the report."""
    return "\n\n".join(
        [
            f"The cascade: what it adds to its model calls, in ms, one connection; {EVENTS} events {PACE_US / 1000:g} ms apart per answer, "
            "the same calls made directly as the measure:",
            table(
                [
                    "outcome",
                    "answer",
                    "models p50",
                    "models p99",
                    "with us p50",
                    "added p50",
                    "added p99",
                    "× models",
                    "first text: added p50",
                ],
                [_added(one) for one in cascade.added],
            ),
            "ENHANCED, SSE: from the verify model's first text, as it is written, to the client's, in ms:",
            table(["asked", "p50", "p99"], _behind(cascade.added)),
            f"Processor time in ms for 1,000 streamed events, each on its own ({LONG} in an answer, {LONG_PACE_US / 1000:g} ms apart):",
            table(["stream", "Envoy", "× bare", "processor"], [_streaming(row, cascade.streaming) for row in STREAMED]),
        ]
    )


def cascade_json(cascade: Cascade) -> dict[str, Any]:
    """Give everything as JSON data."""
    return asdict(cascade)


def _added(one: Added) -> list[str]:
    p50, p99 = added_ms(one.models, one.seen)
    first, _ = added_ms(one.models_first, one.seen_first)
    models, seen = median(one.models), median(one.seen)
    _, spread = added_ms(one.models, one.models)
    figures = [models, models + spread, seen, p50, p99, seen / models]
    return [one.outcome, "SSE" if one.stream else "JSON", *(f"{figure:.2f}" for figure in figures), f"{first:.2f}" if one.stream else ""]


def _behind(added: Sequence[Added]) -> list[list[str]]:
    (one,) = [each for each in added if each.outcome == "ENHANCED" and each.stream]
    rows = {"directly": one.behind_directly, "through us": one.behind}
    return [[name, *(f"{figure:.2f}" for figure in added_ms([0.0], times))] for name, times in rows.items()]


def _streaming(row: str, rounds: Sequence[Streaming]) -> list[str]:
    mine, bare = ([one for one in rounds if one.row == name] for name in (row, next(iter(STREAMED))))
    envoy = median([one.envoy_cpu_ms for one in mine])
    ratio = envoy / median([one.envoy_cpu_ms for one in bare])
    return [row, f"{envoy:.0f}", f"{ratio:.2f}", f"{median([one.processor_cpu_ms for one in mine]):.1f}" if mine is not bare else ""]
