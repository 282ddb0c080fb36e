"""What a scraper reads: both formats, as their own parsers understand them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from prometheus_client.samples import Sample

from extproc.core.vocabulary import Outcome, Plan, Role
from extproc.shell.meters import METRICS, Meters
from extproc.shell.tallies import MOST, Shared
from tests.shell.decisions.made import record

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
CONTRACT = {
    "cascade_requests_total": {"outcome", "plan", "dialect", "policy"},
    "cascade_request_seconds_bucket": {"outcome", "le"},
    "cascade_first_token_seconds_bucket": {"outcome", "le"},
    "cascade_overhead_seconds_bucket": {"phase", "le"},
    "cascade_model_seconds_bucket": {"role", "le"},
    "cascade_tokens_total": {"role", "type"},
    "cascade_cost_usd_total": {"role"},
    "cascade_baseline_cost_usd_total": set(),
    "cascade_saved_usd_total": set(),
    "cascade_rule_fired_total": {"rule"},
    "cascade_checks_failed_total": {"check"},
    "cascade_errors_total": {"role", "kind"},
    "cascade_inflight": set(),
    "cascade_event_loop_lag_seconds": set(),
    "cascade_config_info": {"hash"},
    "cascade_build_info": {"version"},
}


def samples(meters: Meters, accept: str = "") -> list[Sample]:
    text, content_type = meters.exposition(accept)
    parse = openmetrics if content_type.startswith("application/openmetrics-text") else prometheus
    return [sample for family in parse(text.decode()) for sample in family.samples]


def of(meters: Meters, name: str, **labels: str) -> float:
    (found,) = [one.value for one in samples(meters) if one.name == name and labels.items() <= one.labels.items()]
    return float(found)


def busy(meters: Meters) -> Meters:
    """Let something of everything happen."""
    meters.finished([record(rules=("greeting", "check_finished"), status=500)])
    meters.decided(0.0001)
    meters.responded(0.001)
    meters.recorded(2, 0.0001)
    meters.sample(0.01)
    return meters


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_every_metric_of_the_contract_is_there_with_its_labels(accept: str):
    told = samples(busy(Meters("1", "hash")), accept)
    for name, labels in CONTRACT.items():
        found = [sample for sample in told if sample.name == name]
        assert found, name
        assert {frozenset(sample.labels) for sample in found} == {frozenset(labels)}
    assert {sample.labels["phase"] for sample in told if sample.name == "cascade_overhead_seconds_count"} == {"decide", "respond", "record"}


def test_the_buckets_are_those_of_the_conventions():
    told = samples(busy(Meters("1", "hash")))
    for name in ("cascade_request_seconds_bucket", "cascade_model_seconds_bucket"):
        bounds = [float(sample.labels["le"]) for sample in told if sample.name == name]
        assert bounds == [0.01 * 2**power for power in range(14)] + [float("inf")]
    first = [float(sample.labels["le"]) for sample in told if sample.name == "cascade_first_token_seconds_bucket"]
    assert first == [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, float("inf")]


def test_exemplars_lead_to_a_trace_and_are_told_in_openmetrics_alone():
    meters = Meters("1", "hash")
    meters.finished([record(at=1_699_999_999.0, duration_s=0.3, trace_id="a" * 32), record(duration_s=0.31, trace_id="b" * 32)])
    told = {
        sample.labels["le"]: sample.exemplar
        for sample in samples(meters, OPENMETRICS)
        if sample.name == "cascade_request_seconds_bucket" and sample.exemplar
    }
    assert [(le, one.labels, one.value, float(one.timestamp or 0)) for le, one in told.items() if one] == [
        ("0.32", {"trace_id": "b" * 32}, 0.31, 1_700_000_000.25)
    ]
    assert b"trace_id" not in meters.exposition()[0]


@pytest.mark.parametrize("accept", ["text/html", "application/openmetrics-text; version=x", "text/plain;version=;;", "*/*", "\xff"])
def test_any_accept_header_gets_an_answer(accept: str):
    assert b"cascade_build_info" in Meters("1", "hash").exposition(accept)[0]


def test_whatever_comes_the_labels_are_bounded():
    meters = Meters("1", "hash")
    for number in range(3000):
        odd = f'{number} "\n\\ {"x" * 50}'
        meters.finished([record(rules=(odd, f"check_{odd}"), dialect=odd, policy=odd, error=odd)])
    told = samples(meters, OPENMETRICS)
    assert len(told) < 8 * MOST
    for name in ("cascade_requests_total", "cascade_errors_total", "cascade_checks_failed_total"):
        assert sum(sample.value for sample in told if sample.name == name) == 3000


def test_money_is_right_to_the_last_digit_with_several_workers(tmp_path: Path):
    workers = [Meters("1", "hash", Shared(tmp_path, index)) for index in range(3)]
    for number in range(3000):
        made = record(cost_usd=0.000000000001 * (number % 7 + 1), baseline_usd=0.1, role=Role.DRAFT)
        workers[number % 3].finished([made])
    for one in workers:
        one.flush()
    cost = sum(Decimal(number % 7 + 1) / 10**12 for number in range(3000))
    assert of(workers[0], "cascade_cost_usd_total", role="draft") == float(cost)
    assert of(workers[1], "cascade_baseline_cost_usd_total") == 300
    assert of(workers[2], "cascade_saved_usd_total") == float(300 - cost)


def test_what_was_told_once_is_not_forgotten_when_a_worker_dies(tmp_path: Path):
    first = Meters("1", "hash", Shared(tmp_path, 0))
    first.finished([record()])
    assert of(first, "cascade_requests_total") == 1
    del first  # killed: nothing is written any more
    again = Meters("1", "hash", Shared(tmp_path, 0))
    again.finished([record()])
    assert of(again, "cascade_requests_total") == 2


def test_costs_are_unknown_by_call_and_never_zero():
    meters = Meters("1", "hash")
    meters.finished(
        [
            record(cost_usd=None, usage=None),
            record(outcome=Outcome.FAILED, plan=Plan.CASCADE, role=None, cost_usd=None, baseline_usd=None),
            record(outcome=Outcome.FAILED, plan=Plan.CASCADE, role=None, cost_usd=None, error="downstream_connection_termination"),
            record(outcome=Outcome.BYPASSED, plan=Plan.BYPASS, role=None, cost_usd=None, baseline_usd=None),
        ]
    )
    told = {sample.labels["role"]: sample.value for sample in samples(meters) if sample.name == "cascade_cost_unknown_total"}
    assert told == {"draft": 1, "none": 1}
    assert not [sample for sample in samples(meters) if sample.name == "cascade_cost_usd_total"]


def test_each_metric_says_what_it_is():
    text = Meters("1", "hash").exposition()[0].decode()
    assert all(f"# HELP {name}" in text for name in METRICS)
