"""The figures of many requests. Amounts are exact: `Decimal` dollars, encoded as JSON numbers with all their digits."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from extproc.core.money import shown


class Quantiles(msgspec.Struct, frozen=True):
    """Nearest-rank percentiles in seconds: the value that so many percent of all do not exceed. None: there was no value."""

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What some requests come to."""

    requests: int
    """All that came in."""
    model_requests: int
    """Those for a model: all but BYPASSED. The denominator of every share, DIRECT included."""
    drafted: int
    """Those that the draft model answered: SKIPPED, ACCEPTED, FALLBACK."""
    draft_use_rate: float | None
    """`drafted` / `model_requests`; None where there were none."""
    cost_usd: Decimal
    """What their model calls cost, as far as that is known."""
    baseline_usd: Decimal
    """What the verify model alone would have cost."""
    saved_usd: Decimal
    """Baseline minus cost, over the requests of which both are known; below zero where the cascade cost more."""
    saved_share: float | None
    """`saved_usd` of the baseline of the same requests."""
    cost_unknown: int
    """Requests for a model of which the cost is not known (no price, or nobody told the tokens). They are in no amount."""
    input_tokens: int
    output_tokens: int
    latency_s: Quantiles
    """Whole requests for a model."""
    latency_without_direct_s: Quantiles
    first_byte_s: Quantiles
    first_byte_without_direct_s: Quantiles


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the requests that have something in common."""

    name: str
    figures: Figures


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a time."""

    since_s: float | None
    """How far back it goes; None: to the oldest request kept."""
    first_at: float | None
    """Unix time of its first request."""
    last_at: float | None
    all: Figures
    outcomes: dict[str, Figures]


class OutcomeInBucket(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome within one stretch of time; seconds, None where there was no value."""

    requests: int
    p50_s: float | None
    p95_s: float | None
    first_p50_s: float | None
    first_p95_s: float | None


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of a time series."""

    at: float
    """Unix time of its beginning."""
    requests: int
    cost_usd: Decimal
    baseline_usd: Decimal
    saved_usd: Decimal
    outcomes: dict[str, OutcomeInBucket]


class FirstBytes(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time: plan → median seconds to the first byte, of requests that were answered."""

    at: float
    plans: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report shows."""

    source: str
    """The decision file."""
    made_at: float
    """Unix time."""
    summary: Summary
    by: str
    """What `groups` have in common (`queries.KEYS` of the decision log)."""
    groups: list[Group]
    bucket_s: float
    series: list[Bucket]


def dollars(amount: int) -> Decimal:
    """Give an amount of picodollars as dollars."""
    return Decimal(shown(amount))


ENCODER = msgspec.json.Encoder(decimal_format="number")
"""Writes figures as JSON, amounts as numbers with all their digits."""
