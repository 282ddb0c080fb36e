"""What is counted: finished requests, their calls and their money, and how this processor does."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import astuple

from extproc.core.books import spent
from extproc.core.money import pico
from extproc.core.records import CallNote, Comparison, Note, Record
from extproc.core.vocabulary import Outcome, Usage
from extproc.shell.exposition import Told, exposition
from extproc.shell.tallies import Amounts, Counts, Gauge, Histogram, Shared, State, summed
from extproc.shell.upkeep import HIGHEST, UPKEEP, Upkeep

_LATENCY_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""OpenTelemetry's buckets of `gen_ai.client.operation.duration`."""
_FIRST_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Those of `gen_ai.server.time_to_first_token`."""
_OVERHEAD_S = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0)
_SHARES = tuple(tenth / 10 for tenth in range(1, 11))
_CHECK = "check_"
_LAGS = 30
"""Looks at the event loop of which the worst is told: the last quarter of a minute."""

METRICS = {
    "cascade_requests": Told("counter", "Finished requests", ("outcome", "plan", "dialect", "policy")),
    "cascade_request_seconds": Told("histogram", "Whole requests", ("outcome",), _LATENCY_S),
    "cascade_first_token_seconds": Told("histogram", "First byte of the answer to the client", ("outcome",), _FIRST_S),
    "cascade_overhead_seconds": Told("histogram", "Time spent in the processor, that of models left out", ("phase",), _OVERHEAD_S),
    "cascade_model_seconds": Told("histogram", "Model calls", ("role",), _LATENCY_S),
    "cascade_tokens": Told("counter", "Tokens by model", ("role", "type")),
    "cascade_cost_usd": Told("amount", "Cost of model calls", ("role",)),
    "cascade_cost_unknown": Told("counter", "Model calls of which the cost is not known", ("role",)),
    "cascade_baseline_cost_usd": Told("amount", "Cost had the verify model answered alone"),
    "cascade_saved_usd_total": Told("amount_gauge", "Baseline minus cost; falls where the cascade costs more"),
    "cascade_rule_fired": Told("counter", "Rules in decisions", ("rule",)),
    "cascade_translation_lossy": Told("counter", "Requests of which a translation lost this field", ("field",)),
    "cascade_checks_failed": Told("counter", "Drafts that failed a check", ("check",)),
    "cascade_errors": Told("counter", "Failures of requests and of model calls", ("role", "kind")),
    "cascade_shadow": Told("counter", "Requests that the cascade was tried beside", ("plan", "outcome")),
    "cascade_shadow_verdicts": Told("counter", "What verify said of the drafts", ("plan", "verdict")),
    "cascade_shadow_cost_usd": Told("amount", "Cost of the shadow calls", ("role",)),
    "cascade_shadow_saved_usd_total": Told("amount_gauge", "What enforcing would save"),
    "cascade_shadow_similarity": Told("histogram", "Draft and final answer", (), _SHARES),
    "cascade_shadow_dropped": Told("counter", "Comparisons not made, as too many were at work"),
    "cascade_decisions_dropped": Told("counter", "Records that the decision log lost", ("reason",)),
    "cascade_telemetry_dropped": Told("counter", "Spans and metrics that did not reach the collector", ("signal", "reason")),
    "cascade_inflight": Told("gauge", "Exchanges that we are part of"),
    "cascade_event_loop_lag_seconds": Told("gauge", "Worst lateness of a timer in the event loop, of late"),
    "cascade_build_info": Told("gauge", "Build of this processor", ("version",)),
    **UPKEEP,
}
_HIGHEST = HIGHEST | {"cascade_event_loop_lag_seconds", "cascade_build_info"}
"""Gauges of which the highest of all workers is told, not the sum."""


class Meters:
    """All metrics of one worker, and what is fed into them."""

    def __init__(self, version: str, config_hash: str, shared: Shared | None = None) -> None:
        self._shared = shared
        state = self._state = shared.state() if shared else State(counts={}, amounts={}, histograms={}, gauges={})
        self.inflight = 0
        """Exchanges that we are part of now; a plain number on the hot path, which `sample` brings into the metric."""
        self.decisions = 0
        """LLM calls about which we decided."""
        self._lags: deque[float] = deque([0.0], maxlen=_LAGS)
        self._inflight = Gauge(state, "cascade_inflight")
        self._loop_lag = Gauge(state, "cascade_event_loop_lag_seconds")
        self.upkeep = Upkeep(state)
        """What is not about requests."""
        self.upkeep.configured(config_hash)
        Gauge(state, "cascade_build_info").set(1, (version,))
        self._overhead = _histogram(state, "cascade_overhead_seconds")
        self._requests = Counts(state, "cascade_requests")
        self._seconds = _histogram(state, "cascade_request_seconds")
        self._first = _histogram(state, "cascade_first_token_seconds")
        self._rules = Counts(state, "cascade_rule_fired")
        self._lossy = Counts(state, "cascade_translation_lossy")
        self._checks = Counts(state, "cascade_checks_failed")
        self._errors = Counts(state, "cascade_errors")
        self._books = _Books(state)
        self._shadow = _ShadowMeters(state)
        self._untold = Counts(state, "cascade_telemetry_dropped")
        self._lost = Counts(state, "cascade_decisions_dropped")
        for reason in ("queue_full", "unwritable"):  # what another thread counts has its place before
            self._lost.add((reason,), 0)

    def decided(self, seconds: float) -> None:
        """Take the time from a request's body to the answer to it: all that we do on the paths that dominate."""
        self.decisions += 1
        self._overhead.observe(_DECIDE, seconds)

    def responded(self, seconds: float) -> None:
        """Take the time that we spent on a response: its checks, its judgement, its writing; without waiting for models."""
        self._overhead.observe(_RESPOND, seconds)

    def recorded(self, records: int, seconds: float) -> None:
        """Take the time that so many records took together."""
        if records:
            self._overhead.observe(_RECORD, seconds / records, times=records)

    def sample(self, loop_lag_s: float | None = None) -> None:
        """Bring what is only looked at from time to time into the metrics."""
        self._inflight.set(self.inflight)
        if loop_lag_s is not None:
            self._lags.append(loop_lag_s)
            self._loop_lag.set(max(self._lags))

    def finished(self, records: Sequence[Record]) -> None:
        """Count finished requests."""
        for record in records:
            outcome = (record.outcome,)
            self._requests.add((record.outcome, record.plan, record.dialect, record.policy))
            self._seconds.observe(outcome, record.duration_s, record.trace_id, record.at)
            if record.first_byte_s is not None:
                self._first.observe(outcome, record.first_byte_s, record.trace_id, record.at)
            for rule in record.rules:
                self._rules.add((rule,))
                if rule.startswith(_CHECK):
                    self._checks.add((rule[len(_CHECK) :],))
            for field in record.lossy:
                self._lossy.add((field,))
            if record.status >= 400 or record.error:
                self._errors.add((record.role or "none", record.error or f"status_{record.status // 100}xx"))
            if record.calls:
                self._called(record.calls, record.trace_id, record.at)
            self._books.enter(record)

    def wasted(self, note: Note) -> None:
        """Count the calls for a client that has left: its record knows nothing of them."""
        self._called(note.calls)
        self._books.wasted(note.calls)

    def _called(self, calls: Sequence[CallNote], trace_id: str = "", at: float = 0.0) -> None:
        for call in calls:
            self._books.called(call, trace_id, at)
            if call.error:
                self._errors.add((call.role, call.error))

    def compared(self, comparison: Comparison) -> None:
        """Count a comparison of mode `shadow`: its calls are in no other number."""
        self._shadow.compared(comparison)

    def dropped(self) -> None:
        """Count a comparison that was not made because too many were at work."""
        self._shadow.dropped.add()

    def untold(self, signal: str, reason: str, count: int) -> None:
        """Count what was to be exported and did not reach the collector."""
        self._untold.add((signal, reason), count)

    def lost(self, records: int, reason: str) -> None:
        """Count records that the decision log could not take; on any thread."""
        self._lost.add((reason,), records)

    def unrecorded(self, requests: int) -> None:
        """Count requests of which nobody tells us how they ended."""
        self._books.unknown.add(("none",), requests)

    def flush(self) -> None:
        """Let the other workers know how all numbers stand; on any thread."""
        if self._shared is not None:
            with suppress(OSError):  # the next time will do
                self._shared.write(self._state)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Give all metrics of all workers in the format that a scraper accepts, and the content type."""
        self.sample()
        if self._shared is None:
            return exposition(self._state, METRICS, accept, process=True)
        self.flush()  # what has been told once must not be forgotten when this process dies
        return exposition(summed([self._state, *self._shared.others()], _HIGHEST), METRICS, accept, process=False)


_DECIDE, _RESPOND, _RECORD = ("decide",), ("respond",), ("record",)
_TOKENS = tuple(Usage.__struct_fields__)


def _histogram(state: State, name: str) -> Histogram:
    return Histogram(state, name, METRICS[name].bounds)


class _Books:
    """Tokens and money. Every call is in them once: by itself where it was ours, else with the record of its request."""

    def __init__(self, state: State) -> None:
        self._model = _histogram(state, "cascade_model_seconds")
        self._tokens = Counts(state, "cascade_tokens")
        self._cost = Amounts(state, "cascade_cost_usd")
        self.unknown = Counts(state, "cascade_cost_unknown")
        self._baseline = Amounts(state, "cascade_baseline_cost_usd")
        self._saved = Amounts(state, "cascade_saved_usd_total")

    def enter(self, record: Record) -> None:
        """Enter a request; its calls are entered apart."""
        cost = None if record.cost_usd is None else pico(record.cost_usd)
        if not record.calls:
            if record.role is not None:
                self._model.observe((record.role,), record.duration_s, record.trace_id, record.at)
                self._paid(record.role, record.usage, cost)
            elif record.outcome is Outcome.FAILED and not record.error:
                self.unknown.add(("none",))  # its worker has died, and its calls with it
        if record.baseline_usd is not None:
            baseline = pico(record.baseline_usd)
            self._baseline.add((), baseline)
            if cost is not None:
                self._saved.add((), baseline - cost)

    def called(self, call: CallNote, trace_id: str, at: float) -> None:
        """Enter a call of ours."""
        self._model.observe((call.role,), max(0.0, call.ended_s - call.began_s), trace_id, at)
        self._paid(call.role, call.usage, None if call.cost_usd is None else pico(call.cost_usd))

    def wasted(self, calls: Sequence[CallNote]) -> None:
        """Enter what was spent in vain: it was saved from nothing."""
        self._saved.add((), -(spent(calls) or 0))

    def _paid(self, role: str, usage: Usage | None, cost: int | None) -> None:
        if usage is not None:
            tokens = self._tokens
            for kind, count in zip(_TOKENS, astuple(usage), strict=True):
                if count:
                    tokens.add((role, kind), count)
        if cost is None:
            self.unknown.add((role,))
        else:
            self._cost.add((role,), cost)


class _ShadowMeters:
    """The numbers of mode `shadow`, apart from those of what clients were served."""

    def __init__(self, state: State) -> None:
        self._compared = Counts(state, "cascade_shadow")
        self._verdicts = Counts(state, "cascade_shadow_verdicts")
        self._cost = Amounts(state, "cascade_shadow_cost_usd")
        self._saved = Amounts(state, "cascade_shadow_saved_usd_total")
        self._alike = _histogram(state, "cascade_shadow_similarity")
        self.dropped = Counts(state, "cascade_shadow_dropped")

    def compared(self, told: Comparison) -> None:
        """Count one comparison."""
        self._compared.add((told.plan, told.outcome))
        if told.verdict:
            self._verdicts.add((told.plan, told.verdict))
        for call in told.calls:
            if call.cost_usd is not None:
                self._cost.add((call.role,), pico(call.cost_usd))
        if told.saved_usd is not None:
            self._saved.add((), pico(told.saved_usd))
        if told.similarity is not None:
            self._alike.observe((), told.similarity)
