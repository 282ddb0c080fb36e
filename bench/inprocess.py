"""Reading and judging a request without any transport: best times of many.

In turns, some seconds in all: a shared machine is half as fast for a while, and then it is itself again.
"""

from __future__ import annotations

from math import inf
from time import perf_counter, sleep

from bench.bodies import shapes
from bench.figures import Reading
from bench.systems import configuration
from extproc.config.policy import policy
from extproc.core.policy import Policy
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.plan import plan

_SIZES = {"1KB": (1_000, 200), "1MB": (1_000_000, 10)}
"""Name → bytes and runs in a turn."""
_TURNS = 20
_PAUSE_S = 0.5
_Times = tuple[float, float, float, float]
"""Of accept, of classify, of plan, and of all three; seconds."""


def readings() -> list[Reading]:
    """Time requests of both sizes in every shape."""
    rules = policy(configuration(1), {rule.name for rule in RULES})
    kinds = {(name, shape): (body, runs) for name, (size, runs) in _SIZES.items() for shape, body in shapes(size).items()}
    best: dict[tuple[str, str], _Times] = dict.fromkeys(kinds, (inf, inf, inf, inf))
    for _ in range(_TURNS):
        for kind, (body, runs) in kinds.items():
            for _ in range(runs):
                best[kind] = _least(best[kind], _timed(body, rules))
        sleep(_PAUSE_S)
    return [Reading(*kind, *(seconds * 1e6 for seconds in times)) for kind, times in best.items()]


def _timed(body: bytes, rules: Policy) -> _Times:
    began = perf_counter()
    request = accept("/v1/messages", "", body)
    read = perf_counter()
    label = classify(request, rules)
    judged = perf_counter()
    plan(request, label, rules)
    planned = perf_counter()
    return read - began, judged - read, planned - judged, planned - began


def _least(one: _Times, other: _Times) -> _Times:
    return min(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
