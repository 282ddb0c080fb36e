"""What the cascade would have made of a request (mode `shadow`) → spans in a trace of its own, linked to the request's: it ends later."""

from __future__ import annotations

from extproc.core.commands import Compared
from extproc.core.records import Comparison
from extproc.core.vocabulary import Role
from extproc.shell.otlp import genai
from extproc.shell.otlp.encoding import Trace, attributes, link, named
from extproc.shell.otlp.journey import ModelCall
from extproc.shell.otlp.spans import CHECK, Below
from extproc.shell.otlp.voices import Voices


def trial(told: Compared, made: list[ModelCall], now_ns: int, voices: Voices) -> list[bytes]:
    """Write the spans of a trial that is over: `shadow {OUTCOME}`, its calls, and the check of the draft."""
    note, comparison = told.tried, told.comparison
    if note.trace is None or not made:
        return []
    trace, root_id = Trace(note.trace_id), int(note.trace.span_id, 16)
    start_ns = min(made[0].began_ns, now_ns)
    words = _words(comparison) + (link(comparison.trace_id, told.root_id) if told.root_id else b"")
    below = Below(trace, root_id, start_ns, now_ns)
    written = [trace.span(root_id, 0, named(f"shadow {comparison.outcome}"), (start_ns, now_ns), words)]
    written += [below.chat(call, voices, note.contents) for call in made]
    draft = made[0]
    if draft.role == Role.DRAFT and not draft.error:
        checks = comparison.checks
        marks = attributes({"cascade.passed": not checks, "cascade.checks_failed": checks, genai.ERROR: "".join(checks[:1])})
        ended_ns = made[1].began_ns if made[1:] else now_ns
        written.append(below.part(CHECK, named("cascade.check"), draft.ended_ns, ended_ns, marks, failed=bool(checks)))
    return written


def _words(comparison: Comparison) -> bytes:
    return attributes(
        {
            "cascade.shadow.outcome": str(comparison.outcome),
            "cascade.shadow.plan": str(comparison.plan),
            "cascade.shadow.verdict": comparison.verdict,
            "cascade.shadow.similarity": comparison.similarity,
            "cascade.shadow.cost_usd": comparison.cost_usd,
            "cascade.shadow.would_cost_usd": comparison.would_cost_usd,
            "cascade.shadow.baseline_cost_usd": comparison.baseline_usd,
            "cascade.shadow.saved_usd": comparison.saved_usd,
            "cascade.rules": comparison.rules,
            "cascade.requested_model": comparison.requested_model,
            "cascade.dialect": comparison.dialect,
            "cascade.turn": comparison.turn,
            "cascade.policy": comparison.policy,
        }
    )
