"""Reading and judging a request without any transport: best times of many."""

from __future__ import annotations

from time import perf_counter

from bench.bodies import shapes
from bench.figures import Reading
from bench.systems import configuration
from extproc.config.policy import policy
from extproc.core.policy import Policy
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.plan import plan

_SIZES = {"1KB": (1_000, 3_000), "1MB": (1_000_000, 100)}
"""Name → bytes and runs."""


def readings() -> list[Reading]:
    """Time requests of both sizes in every shape."""
    rules = policy(configuration(1), {rule.name for rule in RULES})
    sizes = [(name, *both) for name, both in _SIZES.items()]
    return [_timed(name, shape, body, runs, rules) for name, size, runs in sizes for shape, body in shapes(size).items()]


def _timed(size: str, shape: str, body: bytes, runs: int, rules: Policy) -> Reading:
    best = [float("inf")] * 4
    for _ in range(runs):
        began = perf_counter()
        request = accept("/v1/messages", "", body)
        read = perf_counter()
        label = classify(request, rules)
        judged = perf_counter()
        plan(request, label, rules)
        planned = perf_counter()
        best = [min(both) for both in zip(best, (read - began, judged - read, planned - judged, planned - began), strict=True)]
    accepted, classified, decided, whole = (seconds * 1e6 for seconds in best)
    return Reading(size, shape, accepted, classified, decided, whole)
