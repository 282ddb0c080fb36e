"""A report to show."""

from __future__ import annotations

from decimal import Decimal

from extproc.report.figures import Bucket, Figures, Group, OutcomeInBucket, Quantiles, Report, Summary

HOSTILE = "<script>alert('x')</script>&\""


def figures(requests: int = 10, saved: str = "1.5", **more: object) -> Figures:
    """Give figures; by default all requests were for a model and six of ten the draft's."""
    ranks = Quantiles(0.25, 0.5, 1.25, 30.0)
    given: dict[str, object] = {
        "requests": requests,
        "model_requests": requests,
        "drafted": requests * 6 // 10,
        "draft_use_rate": 0.6 if requests else None,
        "cost_usd": Decimal("0.000000000001"),
        "baseline_usd": Decimal(saved) + Decimal("0.000000000001"),
        "saved_usd": Decimal(saved),
        "saved_share": 0.75,
        "cost_unknown": 0,
        "input_tokens": 1000,
        "output_tokens": 200,
        "latency_s": ranks,
        "latency_without_direct_s": ranks,
        "first_byte_s": Quantiles(0.02, 0.03, 0.04, 0.05),
        "first_byte_without_direct_s": Quantiles(),
    }
    return Figures(**{**given, **more})  # type: ignore[arg-type]


def report(by: str = "model", requests: int = 10, **more: object) -> Report:
    """Give a report of two minutes, with a model name that a client made up."""
    mix = {
        "SKIPPED": OutcomeInBucket(requests=6, p50_s=0.2, p95_s=0.3, first_p50_s=0.1, first_p95_s=0.2),
        "DIRECT": OutcomeInBucket(requests=4, p50_s=1.0, p95_s=2.0, first_p50_s=None, first_p95_s=None),
    }
    money = {"cost_usd": Decimal("0.5"), "baseline_usd": Decimal(2), "saved_usd": Decimal("1.5")}
    series = [Bucket(at=1_700_000_000.0 + 60 * number, requests=10, outcomes=mix, **money) for number in range(2)]  # type: ignore[arg-type]
    outcomes = {"DIRECT": figures(4, "0"), "SKIPPED": figures(6)} if requests else {}
    summary = Summary(
        since_s=86_400.0,
        first_at=1_700_000_000.0 if requests else None,
        last_at=1_700_000_100.0 if requests else None,
        all=figures(requests, **more),
        outcomes=outcomes,
    )
    groups = [Group(name=HOSTILE, figures=figures(7)), Group(name="=cmd()", figures=figures(3, "-0.25"))] if requests else []
    return Report(
        source="/var/lib/decisions.sqlite",
        made_at=1_700_000_200.0,
        summary=summary,
        by=by,
        groups=groups,
        bucket_s=60.0,
        series=series if requests else [],
    )
