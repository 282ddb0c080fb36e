"""A finished request's way → its spans: `cascade {OUTCOME}` and what stands below it (docs/traces.md). Pure.

Every span lies within its parent: the root within Envoy's span, by Envoy's own times, and all below within the root.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from extproc.core.money import pico, usd
from extproc.core.records import Record
from extproc.core.vocabulary import Outcome, Role, Usage
from extproc.core.wire.traceparent import below
from extproc.shell.otlp import genai
from extproc.shell.otlp.encoding import Kind, Span, Value, attributes, number
from extproc.shell.otlp.genai import Server, Servers
from extproc.shell.otlp.journey import Journey, ModelCall, calls, failed_checks

_CLASSIFY, _CHECK, _STITCH = 101, 102, 103
"""Numbers of the spans below the root that are no calls; calls are numbered from 1."""


def spans(way: Journey, servers: Servers) -> list[Span]:
    """Make all spans of a traced request, the root first."""
    start_ns = min(max(way.start_ns, way.begun.arrived_ns if way.begun else 0), way.end_ns)
    made = list(calls(way))
    root = _root(way, start_ns, made)
    return [root, *_classify(way, root), *[chat(root, call, servers) for call in made], *_answered(way, root, made)]


def _root(way: Journey, start_ns: int, made: list[ModelCall]) -> Span:
    record = way.record
    error = _error(record, made)
    words = _root_words(
        record.outcome,
        record.plan,
        record.rules,
        record.policy,
        record.requested_model,
        record.model,
        record.dialect,
        record.turn,
        record.wanted,
        record.path,
        record.status,
        len(made),
        error,
    )
    told = words + number("cascade.score", record.score) + _money(record)
    name = f"cascade {record.outcome}"
    return Span(way.trace_id, way.root_id, way.parent_id, name, start_ns, way.end_ns, told, failed=bool(error))


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
            "cascade.calls": count,
            "url.path": path,
            genai.STATUS: status or None,
            genai.ERROR: error,
        }
    )


def _money(record: Record) -> bytes:
    """What it cost and saved; unknown where a client has left that calls were made for: the record does not know them yet."""
    cost, baseline = record.cost_usd, record.baseline_usd
    if not record.calls and record.outcome is Outcome.FAILED:
        return b""
    saved = usd(pico(baseline) - pico(cost)) if baseline is not None and cost is not None else None
    return number("cascade.cost_usd", cost) + number("cascade.baseline_cost_usd", baseline) + number("cascade.saved_usd", saved)


def _error(record: Record, made: list[ModelCall]) -> str:
    """Why a request failed, or nothing. A client's own mistake (status 4xx) is no failure of ours."""
    if record.error:
        return record.error
    if record.outcome is Outcome.FAILED:
        return next((call.error for call in reversed(made) if call.error), "") or str(record.status)
    return str(record.status) if record.status >= 500 else ""


def _part(root: Span, number: int, name: str, times: tuple[int, int], told: bytes, kind: Kind = Kind.INTERNAL, *, failed: bool) -> Span:
    """Make a span below the root, and within it: the two are timed by different clocks."""
    start_ns = min(max(times[0], root.start_ns), root.end_ns)
    end_ns = min(max(times[1], start_ns), root.end_ns)
    return Span(root.trace_id, below(root.span_id, number), root.span_id, name, start_ns, end_ns, told, kind, failed)


def _classify(way: Journey, root: Span) -> Iterator[Span]:
    """From the body's arrival to the decision."""
    if way.begun is not None and way.begun.heard_ns:
        arrived_ns = way.begun.arrived_ns
        times = (arrived_ns + way.begun.heard_ns, arrived_ns + way.begun.decided_ns)
        told = number("cascade.score", way.record.score) + _words("cascade.turn", way.record.turn)
        yield _part(root, _CLASSIFY, "cascade.classify", times, told, failed=False)


@lru_cache(maxsize=64)
def _words(name: str, value: Value) -> bytes:
    return attributes({name: value})


def chat(root: Span, call: ModelCall, servers: Servers) -> Span:
    """Make the span of a model call."""
    server = servers.get((call.role, call.dialect)) or servers.get((call.role, ""))
    words = _chat_words(
        server, call.role, call.model, call.answer_model, call.finish, call.status, call.error, call.rejected, stream=call.stream
    )
    told = words + _usage(call.usage) + number("cascade.cost_usd", call.cost_usd)
    if call.stream and call.first_ns is not None:
        told += number(genai.FIRST_CHUNK, (call.first_ns - call.began_ns) / 1e9)
    name = f"chat {call.model}" if call.model else "chat"
    return _part(root, call.number, name, (call.began_ns, call.ended_ns), told, Kind.CLIENT, failed=bool(call.error))


@lru_cache(maxsize=1024)
def _chat_words(
    server: Server | None, role: str, model: str, answer_model: str, finish: str, status: int, error: str, rejected: str, *, stream: bool
) -> bytes:
    return attributes(
        {
            genai.OPERATION: genai.CHAT,
            genai.PROVIDER: server.provider if server else None,
            genai.REQUEST_MODEL: model,
            genai.STREAM: stream,
            genai.RESPONSE_MODEL: answer_model,
            genai.FINISH_REASONS: (genai.FINISHED.get(finish, finish),) if finish else None,
            genai.SERVER: server.host if server else None,
            genai.PORT: server.port if server else None,
            genai.STATUS: status or None,
            genai.ERROR: error,
            "cascade.role": str(role),
            "cascade.rejected": rejected,
        }
    )


def _usage(usage: Usage | None) -> bytes:
    if usage is None:
        return b""
    return (
        number(genai.INPUT_TOKENS, usage.input)
        + number(genai.OUTPUT_TOKENS, usage.output)
        + number(genai.CACHE_READ, usage.cached_input)
        + number(genai.CACHE_WRITE, usage.cache_write)
        + number(genai.REASONING, usage.reasoning)
    )


def _answered(way: Journey, root: Span, made: list[ModelCall]) -> Iterator[Span]:
    """What we did with the answers: the check of a draft, and the answer to the client."""
    told, begun = way.told, way.begun
    if told is None or begun is None:
        return
    told_ns = begun.arrived_ns + told.told_ns
    draft = next((call for call in made if call.role == Role.DRAFT), None)
    if draft is not None and not draft.error:
        following_ns = next((call.began_ns for call in made if call.number > draft.number), told_ns)
        checks = failed_checks(way.record.rules)
        marks = attributes({"cascade.passed": not checks, "cascade.checks_failed": checks, genai.ERROR: "".join(checks[:1])})
        yield _part(root, _CHECK, "cascade.check", (draft.ended_ns, following_ns), marks, failed=bool(checks))
    if told.answered_ns is not None:
        marks = attributes({"cascade.role": str(way.record.role or ""), "cascade.model": way.record.model})
        yield _part(root, _STITCH, "cascade.stitch", (begun.arrived_ns + told.answered_ns, told_ns), marks, failed=False)
