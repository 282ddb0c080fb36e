"""How the demonstration's rows look, and which of them are taken for right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extproc.core.vocabulary import Outcome, Plan
from extproc.demo.samples import SAMPLES, Sample
from extproc.demo.table import Row, header, line, summary

RULES = ["keyword_analyse", "explanation", "short_request", "keyword_design", "draft_reset"]
RESCUED = Sample("A title that is as long as it may be, and more", "/v1/responses", {}, Plan.CASCADE, Outcome.RESCUED, "draft_reset", True)


def row(sample: Sample = RESCUED, **more: Any) -> Row:
    record = {
        "plan": sample.plan,
        "outcome": sample.outcome,
        "dialect": "openai_responses",
        "rules": RULES,
        "cost_usd": 0.00201,
        "baseline_usd": 0.00402,
    }
    return Row(sample, 200, sample.outcome, "claude-opus-4-8", 1.23, record | more)


def test_a_row_as_it_should_be():
    assert row().as_expected
    assert "expected" not in line(row())


@pytest.mark.parametrize(
    "wrong",
    [
        replace(row(), outcome="PENDING"),
        replace(row(), status=503),
        row(plan="draft"),
        row(outcome="FAILED"),
        row(rules=["draft_timeout"]),
        replace(row(), record={}),
    ],
)
def test_a_wrong_row_says_what_was_expected(wrong: Row):
    assert not wrong.as_expected
    assert line(wrong).endswith("← expected cascade RESCUED 200 draft_reset")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.title)
def test_rows_fit_a_terminal_of_160_columns(sample: Sample):
    shown = line(replace(row(sample, rules=[sample.because, *RULES]), status=sample.status))
    assert len(shown) <= 160
    assert sample.title in shown


def test_the_head_is_as_wide_as_the_rows_may_be():
    assert [len(one) <= 160 for one in header().splitlines()] == [True, True]


def test_the_rule_that_matters_comes_first():
    assert "  draft_reset, keyword_design, …" in line(row())


def test_the_sums_hold_all_rows_and_the_direct_ones_pull_the_share_down():
    skipped = row(replace(RESCUED, outcome=Outcome.SKIPPED), cost_usd=0.001, baseline_usd=0.004)
    direct = row(replace(RESCUED, outcome=Outcome.DIRECT), cost_usd=0.006, baseline_usd=0.006)
    failed = row(replace(RESCUED, outcome=Outcome.FAILED), cost_usd=0.001, baseline_usd=None)
    bypassed = row(replace(RESCUED, outcome=Outcome.BYPASSED), cost_usd=None, baseline_usd=None)
    assert summary([skipped, direct, failed, bypassed]) == (
        "4 requests, 3 for a model, 1 of them answered by the draft model (33%); cost $0.0080, with verify alone $0.0100: 20% saved"
    )


def test_sums_of_nothing():
    assert summary([]).endswith("nothing to compare")
