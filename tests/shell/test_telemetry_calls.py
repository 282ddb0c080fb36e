"""Requests whose model calls we made ourselves: each call counts, and the request once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.core.records import CallNote, Note
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.shell.telemetry import Journal, Meters
from tests.shell.decisions.made import record
from tests.shell.test_telemetry import numbers

DRAFT = CallNote(Role.DRAFT, "small", 200, "", 0.0, 0.1, 0.5, Usage(100, 10), 0.25)
VERIFY = CallNote(Role.VERIFY, "big", 200, "", 0.5, 0.75, 2.5, Usage(120, 30, 50), 2.0)
HELD: dict[str, Any] = {
    "outcome": Outcome.ENHANCED,
    "plan": Plan.CASCADE,
    "role": Role.VERIFY,
    "usage": VERIFY.usage,
    "cost_usd": 2.25,
    "baseline_usd": 3.0,
    "calls": (DRAFT, VERIFY),
}


def test_each_call_counts_under_its_own_model():
    meters = Meters("1", "hash")
    meters.finished([record(**HELD)])
    told = numbers(meters)
    assert (told['cascade_cost_usd_total{role="draft"}'], told['cascade_cost_usd_total{role="verify"}']) == (0.25, 2.0)
    assert told['cascade_tokens_total{role="draft",type="output"}'] == 10
    assert told['cascade_tokens_total{role="verify",type="cached_input"}'] == 50
    assert (told['cascade_model_seconds_count{role="draft"}'], told['cascade_model_seconds_sum{role="draft"}']) == (1, 0.5)
    assert (told['cascade_model_seconds_count{role="verify"}'], told['cascade_model_seconds_sum{role="verify"}']) == (1, 2.0)
    assert (told["cascade_baseline_cost_usd_total"], told["cascade_saved_usd_total"]) == (3.0, 0.75)
    assert told['cascade_requests_total{dialect="anthropic",outcome="ENHANCED",plan="cascade",policy="default"}'] == 1


def test_a_call_that_failed_is_an_error_of_its_model_and_a_failed_check_has_a_number_of_its_own():
    failed = replace(DRAFT, error="known_tool")
    meters = Meters("1", "hash")
    meters.finished([record(**{**HELD, "calls": (failed, VERIFY), "rules": ("greeting", "check_known_tool", "check_finished")})])
    told = numbers(meters)
    assert told['cascade_errors_total{kind="known_tool",role="draft"}'] == 1
    assert told['cascade_checks_failed_total{check="known_tool"}'] == told['cascade_checks_failed_total{check="finished"}'] == 1
    assert 'cascade_checks_failed_total{check="greeting"}' not in told


@pytest.mark.parametrize("order", [1, -1])
def test_requests_with_calls_and_without_do_not_mix(order: int):
    meters = Meters("1", "hash")
    meters.finished([record(), record(**HELD)][::order])
    told = numbers(meters)
    assert told['cascade_cost_usd_total{role="draft"}'] == 0.5
    assert told['cascade_tokens_total{role="draft",type="input"}'] == 200
    assert told['cascade_model_seconds_count{role="draft"}'] == 2


def test_calls_in_vain_cost_and_save_nothing():
    meters = Meters("1", "hash")
    cancelled = replace(VERIFY, error="cancelled", usage=Usage(), cost_usd=0.0)
    meters.wasted(Note(Outcome.FAILED, Plan.CASCADE, "anthropic", "small", (), "t" * 32, calls=(DRAFT, cancelled)))
    told = numbers(meters)
    assert told['cascade_cost_usd_total{role="draft"}'] == 0.25
    assert told["cascade_saved_usd_total"] == -0.25
    assert told['cascade_errors_total{kind="cancelled",role="verify"}'] == 1
    assert not [name for name in told if name.startswith("cascade_requests_total")]


def test_calls_in_vain_of_unknown_cost_are_counted_as_such():
    meters = Meters("1", "hash")
    meters.wasted(Note(Outcome.FAILED, Plan.CASCADE, "anthropic", "small", (), "t" * 32, calls=(DRAFT, replace(VERIFY, cost_usd=None))))
    told = numbers(meters)
    assert told['cascade_cost_usd_total{role="draft"}'] == 0.25
    assert told['cascade_cost_unknown_total{role="verify"}'] == 1
    assert told["cascade_saved_usd_total"] == 0


def test_a_line_tells_the_calls(capfdbinary: pytest.CaptureFixture[bytes]):
    Journal(Meters("1", "hash")).take([record(**HELD)])
    (line,) = capfdbinary.readouterr().out.splitlines()
    first, second = json.loads(line)["calls"]
    assert (first[:4], second[:4]) == (["draft", "small", 200, ""], ["verify", "big", 200, ""])
