"""A finished request's way → its spans, as OTLP has them: `cascade {OUTCOME}` and what stands below it (docs/traces.md). Pure.

Every span lies within its parent: the root within Envoy's span, by Envoy's own times, and all below within the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from extproc.core.money import pico, usd
from extproc.core.records import Content, Record
from extproc.core.vocabulary import Outcome, Role, Usage
from extproc.shell.otlp import genai
from extproc.shell.otlp.encoding import Trace, attributes, double, head_of, integer, named
from extproc.shell.otlp.journey import Journey, ModelCall, failed_checks
from extproc.shell.otlp.voices import Voices

CLASSIFY, CHECK, STITCH = 101, 102, 103
"""Numbers of the spans below the root that are no calls; calls are numbered from 1."""

_LAST_ID = (1 << 64) - 1
_SCORE, _COST, _BASELINE, _SAVED = (head_of(f"cascade.{name}") for name in ("score", "cost_usd", "baseline_cost_usd", "saved_usd"))
_FIRST_CHUNK = head_of(genai.FIRST_CHUNK)
_ROOTS = {outcome: named(f"cascade {outcome}") for outcome in Outcome}
_CLASSIFY, _CHECK, _STITCH = (named(f"cascade.{name}") for name in ("classify", "check", "stitch"))


class Below:
    """Writes the spans below a root."""

    __slots__ = ("_end_ns", "_root_id", "_start_ns", "trace")

    def __init__(self, trace: Trace, root_id: int, start_ns: int, end_ns: int) -> None:
        self.trace = trace
        self._root_id = root_id
        self._start_ns = start_ns
        self._end_ns = end_ns

    def part(self, number: int, named: bytes, start_ns: int, end_ns: int, told: bytes, *, failed: bool = False) -> bytes:
        """Write a span, kept within the root: the two are timed by different clocks. Ids as `wire.traceparent.below` counts them."""
        start_ns = min(max(start_ns, self._start_ns), self._end_ns)
        end_ns = min(max(end_ns, start_ns), self._end_ns)
        span_id = (self._root_id + number) & _LAST_ID or number
        return self.trace.span(span_id, self._root_id, named, (start_ns, end_ns), told, failed=failed)

    def chat(self, call: ModelCall, voices: Voices, contents: Sequence[Content] = ()) -> bytes:
        """Write the span of a model call; `contents` are those of all calls of its request, where they are to be told."""
        voice = voices.of(call)
        told = voice.words
        if call.cost_usd is not None:
            told += _COST + double(call.cost_usd)
        if call.usage is not None:
            told += _usage(call.usage)
        if call.stream and call.first_ns is not None:
            told += _FIRST_CHUNK + double((call.first_ns - call.began_ns) / 1e9)
        if call.number <= len(contents):
            said = contents[call.number - 1]
            told += attributes({genai.SYSTEM: said.system, genai.INPUT: said.input, genai.OUTPUT: said.output})
        return self.part(call.number, voice.named, call.began_ns, call.ended_ns, told, failed=call.error != "")


def spans(way: Journey, made: list[ModelCall], voices: Voices) -> list[bytes]:
    """Write all spans of a traced request, the root first."""
    record, begun = way.record, way.begun
    trace, root_id = Trace(way.trace_id), int(way.root_id, 16)
    start_ns = min(max(way.start_ns, begun.arrived_ns), way.end_ns) if begun else way.start_ns
    error = _error(record, made)
    score = b"" if record.score is None else _SCORE + double(record.score)
    told = _words(record, len(made), error) + score + _money(record)
    parent_id = int(way.parent_id, 16) if way.parent_id else 0
    root = trace.span(root_id, parent_id, _ROOTS[record.outcome], (start_ns, way.end_ns), told, failed=error != "")
    below = Below(trace, root_id, start_ns, way.end_ns)
    written = [root]
    if begun is not None and begun.heard_ns:
        times = (begun.arrived_ns + begun.heard_ns, begun.arrived_ns + begun.decided_ns)
        written.append(below.part(CLASSIFY, _CLASSIFY, *times, _turn(record.turn) + score))
    written += [below.chat(call, voices, way.contents) for call in made]
    return written + _answered(way, made, below) if record.calls else written


def _words(record: Record, count: int, error: str) -> bytes:
    return _root_words(
        record.outcome,
        record.plan,
        record.rules,
        record.policy,
        record.requested_model,
        record.model,
        record.dialect,
        record.turn,
        record.wanted,
        record.team,
        record.lossy,
        record.path,
        record.status,
        count,
        error,
    )


@lru_cache(maxsize=2048)
def _root_words(
    outcome: str,
    plan: str,
    rules: tuple[str, ...],
    policy: str,
    requested_model: str,
    model: str,
    dialect: str,
    turn: str,
    wanted: str,
    team: str,
    lossy: tuple[str, ...],
    path: str,
    status: int,
    count: int,
    error: str,
) -> bytes:
    return attributes(
        {
            "cascade.outcome": str(outcome),
            "cascade.plan": str(plan),
            "cascade.rules": rules,
            "cascade.policy": policy,
            "cascade.requested_model": requested_model,
            "cascade.model": model,
            "cascade.dialect": dialect,
            "cascade.turn": turn,
            "cascade.wanted": wanted,
            "cascade.team": team,
            "cascade.lossy": lossy,
            "cascade.calls": count,
            "url.path": path,
            genai.STATUS: status or None,
            genai.ERROR: error,
        }
    )


def _money(record: Record) -> bytes:
    """What it cost and saved; unknown where a client has left that calls were made for: the record does not know them yet."""
    cost, baseline = record.cost_usd, record.baseline_usd
    if cost is None or (not record.calls and record.outcome is Outcome.FAILED):
        return b""
    if baseline is None:
        return _COST + double(cost)
    return b"".join((_COST, double(cost), _BASELINE, double(baseline), _SAVED, double(usd(pico(baseline) - pico(cost)))))


def _error(record: Record, made: list[ModelCall]) -> str:
    """Why a request failed, or nothing. A client's own mistake (status 4xx) is no failure of ours."""
    if record.error:
        return record.error
    if record.outcome is Outcome.FAILED:
        return next((call.error for call in reversed(made) if call.error), "") or str(record.status)
    return str(record.status) if record.status >= 500 else ""


@lru_cache(maxsize=64)
def _turn(turn: str) -> bytes:
    return attributes({"cascade.turn": turn})


def _usage(usage: Usage) -> bytes:
    return (
        integer(genai.INPUT_TOKENS, usage.input)
        + integer(genai.OUTPUT_TOKENS, usage.output)
        + _further(usage.cached_input, usage.cache_write, usage.reasoning)
    )


@lru_cache(maxsize=2048)
def _further(cached: int, cache_write: int, reasoning: int) -> bytes:
    return attributes({genai.CACHE_READ: cached, genai.CACHE_WRITE: cache_write, genai.REASONING: reasoning})


def _answered(way: Journey, made: list[ModelCall], below: Below) -> list[bytes]:
    """What we did with the answers of our own calls: the check of a draft, and the answer to the client."""
    told, begun, record = way.told, way.begun, way.record
    if told is None or begun is None:
        return []
    written = []
    told_ns = begun.arrived_ns + told.told_ns
    draft = next((call for call in made if call.role == Role.DRAFT), None)
    if draft is not None and not draft.error:
        following_ns = next((call.began_ns for call in made if call.number > draft.number), told_ns)
        checks = failed_checks(record.rules)
        marks = attributes({"cascade.passed": not checks, "cascade.checks_failed": checks, genai.ERROR: "".join(checks[:1])})
        written.append(below.part(CHECK, _CHECK, draft.ended_ns, following_ns, marks, failed=bool(checks)))
    if told.answered_ns is not None:
        marks = attributes({"cascade.role": str(record.role or ""), "cascade.model": record.model})
        written.append(below.part(STITCH, _STITCH, begun.arrived_ns + told.answered_ns, told_ns, marks))
    return written
