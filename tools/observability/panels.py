"""What the Grafana dashboard shows: rows of panels, each a title, a form, a unit and its queries."""

from __future__ import annotations

from dataclasses import dataclass

_LLM, _FAILED = 'outcome!="BYPASSED"', 'outcome="FAILED"'
_DRAFTED = 'outcome=~"SKIPPED|ACCEPTED|FALLBACK"'


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and how its series are named; empty for a single one."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `form` is Grafana's panel type; `width` counts columns, `about` is shown at its corner."""

    title: str
    form: str
    unit: str
    queries: tuple[Query, ...]
    width: int
    about: str = ""
    stacked: bool = False


def _rate(name: str, *by: str, where: str = "") -> str:
    return _sum("rate", name, "$__rate_interval", by, where)


def _grown(name: str, *by: str, where: str = "") -> str:
    return _sum("increase", name, "$__range", by, where)


def _sum(function: str, name: str, over: str, by: tuple[str, ...], where: str) -> str:
    kept = f" by ({', '.join(by)})" if by else ""
    return f"sum{kept} ({function}({name}{{{_where(where)}}}[{over}]))"


def _where(more: str = "") -> str:
    return f'job=~"$job"{f", {more}" if more else ""}'


def _quantiles(name: str, by: str, *shares: float, where: str = "") -> tuple[Query, ...]:
    buckets = _rate(f"{name}_bucket", "le", by, where=where)
    return tuple(Query(f"histogram_quantile({share:g}, {buckets})", f"{{{{{by}}}}} p{share * 100:g}") for share in shares)


_COST, _BASELINE = "cascade_cost_usd_total", "cascade_baseline_cost_usd_total"
_REQUESTS, _SHADOW = "cascade_requests_total", "cascade_shadow_total"

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "At a glance",
        (
            Panel(
                "Saved",
                "stat",
                "currencyUSD",
                (Query(f"{_grown(_BASELINE)} - {_grown(_COST)}"),),
                4,
                "What the verify model alone would have cost for the same answers, less what was paid. Below zero: more was paid.",
            ),
            Panel("Saved, of the baseline", "stat", "percentunit", (Query(f"1 - {_grown(_COST)} / {_grown(_BASELINE)}"),), 4),
            Panel(
                "Answered by the draft",
                "stat",
                "percentunit",
                (Query(f"{_grown(_REQUESTS, where=_DRAFTED)} / {_grown(_REQUESTS, where=_LLM)}"),),
                4,
                "SKIPPED, ACCEPTED and FALLBACK among all requests for a model, DIRECT included.",
            ),
            Panel("Cost", "stat", "currencyUSD", (Query(_grown(_COST)),), 4),
            Panel("Requests", "stat", "short", (Query(_grown(_REQUESTS, where=_LLM)),), 4),
            Panel(
                "Failed",
                "stat",
                "percentunit",
                (Query(f"({_grown(_REQUESTS, where=_FAILED)} or vector(0)) / {_grown(_REQUESTS, where=_LLM)}"),),
                4,
                "Neither model could answer. An error of the verify model that passed through is a DIRECT request: see Errors.",
            ),
        ),
    ),
    (
        "What became of the requests",
        (
            Panel("Requests by outcome", "timeseries", "reqps", (Query(_rate(_REQUESTS, "outcome"), "{{outcome}}"),), 12, stacked=True),
            Panel(
                "Requests by plan and dialect",
                "timeseries",
                "reqps",
                (Query(_rate(_REQUESTS, "plan", "dialect"), "{{plan}} {{dialect}}"),),
                6,
            ),
            Panel("Requests by policy", "timeseries", "reqps", (Query(_rate(_REQUESTS, "policy"), "{{policy}}"),), 6),
        ),
    ),
    (
        "Time",
        (
            Panel("Whole requests", "timeseries", "s", _quantiles("cascade_request_seconds", "outcome", 0.5, 0.95), 8),
            Panel(
                "First byte to the client",
                "timeseries",
                "s",
                _quantiles("cascade_first_token_seconds", "outcome", 0.5, 0.95),
                8,
                "Of a held stream, a sign of life counts.",
            ),
            Panel("Model calls", "timeseries", "s", _quantiles("cascade_model_seconds", "role", 0.5, 0.95), 8),
            Panel(
                "Our own time",
                "timeseries",
                "s",
                _quantiles("cascade_overhead_seconds", "phase", 0.5, 0.99),
                8,
                "Time spent in the processor; what models took is not in it.",
            ),
            Panel("How long requests take", "heatmap", "s", (Query(_rate("cascade_request_seconds_bucket", "le"), "{{le}}"),), 16),
        ),
    ),
    (
        "Money",
        (
            Panel(
                "Paid, and what verify alone would have cost, per hour",
                "timeseries",
                "currencyUSD",
                (Query(f"3600 * {_rate(_COST, 'role')}", "paid: {{role}}"), Query(f"3600 * {_rate(_BASELINE)}", "verify alone")),
                12,
            ),
            Panel(
                "Saved since the start", "timeseries", "currencyUSD", (Query(f"sum(cascade_saved_usd_total{{{_where()}}})", "saved"),), 4
            ),
            Panel("Tokens", "timeseries", "short", (Query(_rate("cascade_tokens_total", "role", "type"), "{{role}} {{type}}"),), 5),
            Panel(
                "Cost unknown",
                "timeseries",
                "reqps",
                (Query(_rate("cascade_cost_unknown_total", "role"), "{{role}}"),),
                3,
                "Calls without usage, or without a price. They are in no amount, nor is their baseline.",
            ),
        ),
    ),
    (
        "Why",
        (
            Panel(
                "Rules that fired most",
                "bargauge",
                "short",
                (Query(f"topk(15, {_grown('cascade_rule_fired_total', 'rule')})", "{{rule}}"),),
                8,
            ),
            Panel(
                "Checks that drafts failed", "bargauge", "short", (Query(_grown("cascade_checks_failed_total", "check"), "{{check}}"),), 8
            ),
            Panel("Errors", "timeseries", "reqps", (Query(_rate("cascade_errors_total", "role", "kind"), "{{role}} {{kind}}"),), 8),
        ),
    ),
    (
        "Mode shadow",
        (
            Panel("What would have become", "timeseries", "reqps", (Query(_rate(_SHADOW, "plan", "outcome"), "{{plan}} {{outcome}}"),), 6),
            Panel(
                "Verdicts",
                "timeseries",
                "reqps",
                (Query(_rate("cascade_shadow_verdicts_total", "plan", "verdict"), "{{plan}} {{verdict}}"),),
                6,
            ),
            Panel(
                "Would have saved, and what trying costs",
                "timeseries",
                "currencyUSD",
                (
                    Query(f"sum(cascade_shadow_saved_usd_total{{{_where()}}})", "would have saved"),
                    Query(f"sum(cascade_shadow_cost_usd_total{{{_where()}}})", "spent on trying"),
                ),
                6,
            ),
            Panel(
                "Likeness of drafts and answers",
                "timeseries",
                "percentunit",
                (Query(f"{_rate('cascade_shadow_similarity_sum')} / {_rate('cascade_shadow_similarity_count')}", "mean"),),
                3,
            ),
            Panel("Not tried: too many at work", "stat", "short", (Query(_grown("cascade_shadow_dropped_total")),), 3),
        ),
    ),
    (
        "The sidecars",
        (
            Panel("Exchanges in flight", "timeseries", "short", (Query(f"cascade_inflight{{{_where()}}}", "{{instance}}"),), 5),
            Panel("Event loop lag", "timeseries", "s", (Query(f"cascade_event_loop_lag_seconds{{{_where()}}}", "{{instance}}"),), 5),
            Panel(
                "Lost: spans, metrics, records",
                "timeseries",
                "short",
                (
                    Query(_rate("cascade_telemetry_dropped_total", "signal", "reason"), "{{signal}} {{reason}}"),
                    Query(_rate("cascade_decisions_dropped_total", "reason"), "decision log {{reason}}"),
                ),
                6,
                "What did not reach the collector or the decision log. Requests are not affected.",
            ),
            Panel("Versions", "table", "short", (Query(f"cascade_build_info{{{_where()}}}"),), 4),
            Panel("Configurations", "table", "short", (Query(f"cascade_config_info{{{_where()}}}"),), 4),
        ),
    ),
)
