"""Records → metrics. The only importer of prometheus_client.

With several workers each process writes its numbers to shared files (`PROMETHEUS_MULTIPROC_DIR`, set by the supervisor), and
whichever worker serves `/metrics` adds them up.
"""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from extproc.core.records import CallNote, Comparison, Note, Record
from extproc.core.vocabulary import Outcome, Role, Usage

_LATENCY_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""OpenTelemetry's buckets for the duration of a model call."""
_OVERHEAD_S = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0)
_SHARES = tuple(tenth / 10 for tenth in range(1, 11))
_POLICY = "default"
_CHECK = "check_"


class Meters:
    """All metrics of the contract that exist so far, and what is fed into them."""

    def __init__(self, version: str, config_hash: str) -> None:
        registry = self._registry = CollectorRegistry()
        self.inflight = 0
        """Exchanges that we are part of now; a plain number on the hot path, which `sample` brings into the metric."""
        self._inflight = Gauge("cascade_inflight", "Exchanges that we are part of", registry=registry, multiprocess_mode="livesum")
        self._loop_lag = Gauge(
            "cascade_event_loop_lag_seconds", "Lateness of a timer in the event loop", registry=registry, multiprocess_mode="livemax"
        )
        overhead = Histogram("cascade_overhead_seconds", "Time spent in the processor", ["phase"], buckets=_OVERHEAD_S, registry=registry)
        self.decided = overhead.labels("decide").observe
        """Takes the seconds from a request's body to the answer to it: all that we do on the paths that dominate."""
        self._requests = Counter("cascade_requests", "Finished requests", ["outcome", "plan", "dialect", "policy"], registry=registry)
        self._seconds = Histogram("cascade_request_seconds", "Whole requests", ["outcome"], buckets=_LATENCY_S, registry=registry)
        self._first = Histogram("cascade_first_token_seconds", "First byte sent", ["outcome"], buckets=_LATENCY_S, registry=registry)
        self._model = Histogram("cascade_model_seconds", "Model calls", ["role"], buckets=_LATENCY_S, registry=registry)
        self._tokens = Counter("cascade_tokens", "Tokens by model role", ["role", "type"], registry=registry)
        self._cost = Counter("cascade_cost_usd", "Cost of model calls", ["role"], registry=registry)
        self._baseline = Counter("cascade_baseline_cost_usd", "Cost had the verify model answered alone", registry=registry)
        self._saved = Gauge("cascade_saved_usd_total", "Baseline minus cost", registry=registry, multiprocess_mode="sum")
        self._rules = Counter("cascade_rule_fired", "Rules in decisions", ["rule"], registry=registry)
        self._lossy = Counter("cascade_translation_lossy", "Requests of which a translation lost this field", ["field"], registry=registry)
        self._checks = Counter("cascade_checks_failed", "Drafts that failed a check", ["check"], registry=registry)
        self._errors = Counter("cascade_errors", "Failures of requests and of model calls", ["role", "kind"], registry=registry)
        self._shadow = _ShadowMeters(registry)
        self._lost = Counter("cascade_decisions_dropped", "Records that the decision log lost", ["reason"], registry=registry)
        for name, label, value in (("config", "hash", config_hash), ("build", "version", version)):
            info = Gauge(
                f"cascade_{name}_info", f"{name.capitalize()} of this processor", [label], registry=registry, multiprocess_mode="livemax"
            )
            info.labels(value).set(1)
        if _shared():
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call] # the library has no types there
        else:
            ProcessCollector(registry=registry)

    def sample(self, loop_lag_s: float | None = None) -> None:
        """Bring what is only looked at from time to time into the metrics."""
        self._inflight.set(self.inflight)
        if loop_lag_s is not None:
            self._loop_lag.set(loop_lag_s)

    def finished(self, records: Sequence[Record]) -> None:
        """Count a batch of finished requests; what is alike in it is added up first, for a counter's lock costs more than a sum."""
        kinds = Tally((record.outcome, record.plan, record.dialect, _POLICY) for record in records)
        for kind, count in kinds.items():
            self._requests.labels(*kind).inc(count)
        for rule, count in Tally(rule for record in records for rule in record.rules).items():
            self._rules.labels(rule).inc(count)
            if rule.startswith(_CHECK):
                self._checks.labels(rule.removeprefix(_CHECK)).inc(count)
        for field, count in Tally(field for record in records for field in record.lossy).items():
            self._lossy.labels(field).inc(count)
        troubles = Tally(_trouble(record) for record in records if record.status >= 400 or record.error)
        for trouble, count in troubles.items():
            self._errors.labels(*trouble).inc(count)
        for outcome in {record.outcome for record in records}:
            self._time([record for record in records if record.outcome is outcome], outcome)
        for role in Role:
            self._count_money([record for record in records if record.role is role and not record.calls], role)
        for record in records:
            if record.calls:
                self._count_calls(record.calls)
                self._baseline.inc(record.baseline_usd or 0.0)
                if record.cost_usd is not None and record.baseline_usd is not None:
                    self._saved.inc(record.baseline_usd - record.cost_usd)

    def wasted(self, note: Note) -> None:
        """Count the calls for a client that has left: they are in no record."""
        self._count_calls(note.calls)
        self._saved.inc(-sum(call.cost_usd or 0.0 for call in note.calls))

    def compared(self, comparison: Comparison) -> None:
        """Count a comparison of mode `shadow`: its calls are in no other number."""
        self._shadow.compared(comparison)

    def dropped(self) -> None:
        """Count a comparison that was not made because too many were at work."""
        self._shadow.dropped.inc()

    def lost(self, records: int, reason: str) -> None:
        """Count records that the decision log could not take; on any thread."""
        self._lost.labels(reason).inc(records)

    def _count_calls(self, calls: Sequence[CallNote]) -> None:
        for call in calls:
            self._model.labels(call.role).observe(max(0.0, call.ended_s - call.began_s))
            if call.usage is not None:
                for name in Usage.__struct_fields__:
                    self._tokens.labels(call.role, name).inc(getattr(call.usage, name))
            self._cost.labels(call.role).inc(call.cost_usd or 0.0)
            if call.error:
                self._errors.labels(call.role, call.error).inc()

    def _time(self, records: Sequence[Record], outcome: Outcome) -> None:
        whole, first = self._seconds.labels(outcome).observe, self._first.labels(outcome).observe
        model = self._model.labels(records[0].role).observe if records[0].role is not None else None
        for record in records:
            whole(record.duration_s)
            if record.first_byte_s is not None:
                first(record.first_byte_s)
            if model is not None and not record.calls:
                model(record.duration_s)

    def _count_money(self, records: Sequence[Record], role: Role) -> None:
        usages = [record.usage for record in records if record.usage is not None]
        for name in Usage.__struct_fields__ if usages else ():
            self._tokens.labels(role, name).inc(sum(getattr(usage, name) for usage in usages))
        known = [(record.cost_usd, record.baseline_usd) for record in records if record.cost_usd is not None]
        if known:
            self._cost.labels(role).inc(sum(cost for cost, _ in known))
            self._saved.inc(sum(baseline - cost for cost, baseline in known if baseline is not None))
        self._baseline.inc(sum(record.baseline_usd for record in records if record.baseline_usd is not None))

    def exposition(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        self.sample()
        return generate_latest(self._registry)


class _ShadowMeters:
    """The numbers of mode `shadow`, apart from those of what clients were served."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._compared = Counter("cascade_shadow", "Requests that the cascade was tried beside", ["plan", "outcome"], registry=registry)
        self._verdicts = Counter("cascade_shadow_verdicts", "What verify said of the drafts", ["plan", "verdict"], registry=registry)
        self._cost = Counter("cascade_shadow_cost_usd", "Cost of the shadow calls", ["role"], registry=registry)
        self._saved = Gauge("cascade_shadow_saved_usd_total", "What enforcing would save", registry=registry, multiprocess_mode="sum")
        self._alike = Histogram("cascade_shadow_similarity", "Draft and final answer", buckets=_SHARES, registry=registry)
        self.dropped = Counter("cascade_shadow_dropped", "Comparisons not made, as too many were at work", registry=registry)

    def compared(self, told: Comparison) -> None:
        """Count one comparison."""
        self._compared.labels(told.plan, told.outcome).inc()
        if told.verdict:
            self._verdicts.labels(told.plan, told.verdict).inc()
        for call in told.calls:
            self._cost.labels(call.role).inc(call.cost_usd or 0.0)
        self._saved.inc(told.saved_usd or 0.0)
        if told.similarity is not None:
            self._alike.observe(told.similarity)


def _trouble(record: Record) -> tuple[str, str]:
    return record.role or "none", record.error or f"status_{record.status // 100}xx"


def _shared() -> bool:
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ
