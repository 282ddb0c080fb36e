"""The cascade: what it adds to the time of its model calls, and what a streamed event costs, held and passed through."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.cases import LONG_PACE_US, PACE_US, STREAMED, TIMED, Case
from bench.load import quantile
from bench.measure import SETTLE_S, cpu_s
from bench.systems import Kind, System, around, system
from bench.timed import Client, Timing

CONNECTIONS = 4
"""Of streamed answers."""


@dataclass(frozen=True, slots=True)
class Added:
    """One outcome, JSON or SSE, in all rounds; milliseconds."""

    outcome: str
    stream: bool
    models: Sequence[float]
    """Draft, then verify, asked directly: until the answer was whole."""
    seen: Sequence[float]
    """The same through Envoy and the processor."""
    models_first: Sequence[float]
    """Until the first text that the client could have been given: all of a draft that is to be used, the first text of another answer."""
    seen_first: Sequence[float]
    behind: Sequence[float]
    """From the verify model's first text, as it was written, to the client's; empty for other answers."""
    behind_directly: Sequence[float]
    """The same where the verify model is asked directly."""


@dataclass(frozen=True, slots=True)
class Streaming:
    """One round of streamed answers: processor time in ms for 1,000 text events that the client got."""

    row: str
    envoy_cpu_ms: float
    processor_cpu_ms: float
    events: int


@dataclass(frozen=True, slots=True)
class Cascade:
    """All of it."""

    added: Sequence[Added]
    streaming: Sequence[Streaming]


def measure(folder: Path, rounds: int, seconds: float) -> Cascade:
    """Start a paced provider and two systems, measure, stop them. A whole run takes about `30 * rounds * seconds`."""
    folder.mkdir()
    with ExitStack() as stack:
        shared = stack.enter_context(around(folder, "bench.paced"))
        systems = {kind: stack.enter_context(system(kind, shared, folder / kind)) for kind in (Kind.BARE, Kind.NATIVE)}
        added: list[list[Added]] = []
        streaming: list[Streaming] = []
        for _ in range(rounds):
            added.append(
                [_added(case, shared.upstream, systems[Kind.NATIVE], seconds, stream=stream) for case in TIMED for stream in (False, True)]
            )
            streaming += [_streaming(row, case, systems[kind], seconds) for row, (kind, case) in STREAMED.items()]
    return Cascade([_together(same) for same in zip(*added, strict=True)], streaming)


def _added(case: Case, port: int, ours: System, seconds: float, *, stream: bool) -> Added:
    """Ask directly and through us, in turns, so that the machine's mood meets both."""
    directly: list[tuple[Timing, Timing | None]] = []
    seen: list[Timing] = []
    with Client(port) as provider, Client(ours.port) as client:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            directly.append(_directly(case, provider, stream=stream))
            seen.append(_through(case, client, PACE_US, stream=stream))
    first_of_verify = case.verify not in {None, 0}
    return Added(
        case.outcome,
        stream,
        [(draft.whole_s + (verify.whole_s if verify else 0.0)) * 1e3 for draft, verify in directly],
        [one.whole_s * 1e3 for one in seen],
        [(draft.whole_s + (_first(verify, first_of_verify) if verify else 0.0)) * 1e3 for draft, verify in directly],
        [one.first_s * 1e3 for one in seen],
        [one.behind_s * 1e3 for one in seen if first_of_verify and stream],
        [verify.behind_s * 1e3 for _, verify in directly if verify and first_of_verify and stream],
    )


def _first(verify: Timing, own: bool) -> float:
    return verify.first_s if own else verify.whole_s


def _directly(case: Case, provider: Client, *, stream: bool) -> tuple[Timing, Timing | None]:
    headers = case.headers(PACE_US)
    draft = provider.ask(case.body(stream=stream, draft=True), headers)
    return draft, None if case.verify is None else provider.ask(case.judging(stream=stream), headers)


def _through(case: Case, client: Client, pace_us: int, *, stream: bool) -> Timing:
    timing = client.ask(case.body(stream=stream), case.headers(pace_us))
    if timing.outcome != case.outcome:
        raise SystemExit(f"bench: expected outcome {case.outcome or 'none'}, but got {timing.outcome or 'none'}")
    return timing


def _together(rounds: Sequence[Added]) -> Added:
    """All rounds of one kind as one."""
    one = rounds[0]
    lists = ([value for each in rounds for value in getattr(each, name)] for name in Added.__slots__[2:])
    return Added(one.outcome, one.stream, *lists)


def _streaming(row: str, case: Case, where: System, seconds: float) -> Streaming:
    """Stream answers over some connections at a pace that one processor stands."""
    before = cpu_s(where.envoy), cpu_s(where.processor)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        events = sum(pool.map(lambda _: _stream_for(case, where, seconds), range(CONNECTIONS)))
    time.sleep(SETTLE_S)
    envoy, processor = cpu_s(where.envoy) - before[0], cpu_s(where.processor) - before[1]
    return Streaming(row, envoy / events * 1e6, processor / events * 1e6, events)


def _stream_for(case: Case, where: System, seconds: float) -> int:
    events, end = 0, time.monotonic() + seconds
    with Client(where.port) as client:
        while not events or time.monotonic() < end:
            events += _through(case, client, LONG_PACE_US, stream=True).events
    return events


def added_ms(models: Sequence[float], seen: Sequence[float]) -> tuple[float, float]:
    """Give what was added, p50 and p99, to the median of the models' own times."""
    own = median(models)
    return median(seen) - own, quantile([*seen], 0.99) - own
