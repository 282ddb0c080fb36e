"""Records become numbers, lines and a list; nothing of a request's content is in any of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from extproc.core.records import CallNote, Comparison
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.shell.decisions import Reader
from extproc.shell.journal import warn
from extproc.shell.meters import METRICS
from extproc.shell.telemetry import Journal, Meters
from tests.shell.decisions.made import record, writing
from tests.support.system import ROOT


def numbers(meters: Meters) -> dict[str, float]:
    lines = meters.exposition()[0].decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("cascade")}


def test_a_batch_is_counted_by_kind():
    meters = Meters("1", "hash")
    Journal(meters, quiet=True).take(
        [record(), record(), record(outcome=Outcome.DIRECT, plan=Plan.DIRECT, role=Role.VERIFY, rules=("code",))]
    )
    told = numbers(meters)
    assert told['cascade_requests_total{dialect="anthropic",outcome="SKIPPED",plan="draft",policy="default"}'] == 2
    assert told['cascade_requests_total{dialect="anthropic",outcome="DIRECT",plan="direct",policy="default"}'] == 1
    assert told['cascade_rule_fired_total{rule="greeting"}'] == 2
    assert told['cascade_tokens_total{role="draft",type="input"}'] == 200
    assert told['cascade_cost_usd_total{role="verify"}'] == 0.25
    assert told["cascade_baseline_cost_usd_total"] == 3
    assert told["cascade_saved_usd_total"] == 2.25
    assert told['cascade_first_token_seconds_count{outcome="SKIPPED"}'] == 2
    assert told['cascade_config_info{hash="hash"}'] == told['cascade_build_info{version="1"}'] == 1


def test_what_translations_lose_is_counted_by_field():
    meters = Meters("1", "hash")
    Journal(meters, quiet=True).take([record(lossy=("top_k", "metadata")), record(lossy=("top_k",)), record()])
    told = numbers(meters)
    assert told['cascade_translation_lossy_total{field="top_k"}'] == 2
    assert told['cascade_translation_lossy_total{field="metadata"}'] == 1


def test_every_metric_of_the_contract_is_there_and_no_other():
    page = (ROOT / "docs/contract.md").read_text()
    listed = set(re.findall(r"`(cascade_\w+)", page.partition("\n## Metrics\n\n")[2].partition("\n\n")[0]))
    ours = {name + ("_total" if told.kind in {"counter", "amount"} else "") for name, told in METRICS.items()}
    assert listed == ours


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"status": 503}, 'kind="status_5xx",role="draft"'),
        ({"error": "no_healthy_upstream", "role": None}, 'kind="no_healthy_upstream",role="none"'),
    ],
)
def test_trouble_is_counted(changes: dict[str, object], labels: str):
    meters = Meters("1", "hash")
    Journal(meters, quiet=True).take([record(**changes)])
    assert numbers(meters)[f"cascade_errors_total{{{labels}}}"] == 1


def test_unknown_costs_are_counted_nowhere():
    meters = Meters("1", "hash")
    Journal(meters, quiet=True).take([record(cost_usd=None, baseline_usd=None, usage=None)])
    told = numbers(meters)
    assert told["cascade_saved_usd_total"] == told["cascade_baseline_cost_usd_total"] == 0
    assert 'cascade_cost_usd_total{role="draft"}' not in told


def test_our_own_state_is_sampled():
    meters = Meters("1", "hash")
    meters.decided(0.0001)
    meters.inflight = 3
    meters.sample(0.25)
    told = numbers(meters)
    assert told['cascade_overhead_seconds_count{phase="decide"}'] == 1
    assert (told["cascade_inflight"], told["cascade_event_loop_lag_seconds"]) == (3, 0.25)


def test_each_request_is_one_line_of_json(capfdbinary: pytest.CaptureFixture[bytes]):
    Journal(Meters("1", "hash")).take([record(), record(trace_id="u" * 32)])
    first, second = (json.loads(line) for line in capfdbinary.readouterr().out.splitlines())
    assert (first["time"], first["level"], first["event"]) == ("2023-11-14T22:13:20.250Z", "info", "request")
    assert (first["outcome"], first["rules"], first["status"], first["duration_s"]) == ("SKIPPED", ["greeting"], 200, 0.5)
    assert second["trace_id"] == "u" * 32


def comparison(**changes: object) -> Comparison:
    given: dict[str, object] = {
        "at": 1_700_000_000,
        "trace_id": "t" * 32,
        "dialect": "anthropic",
        "turn": "chat",
        "score": 0.1,
        "rules": ("greeting", "shadow_mode"),
        "requested_model": "big",
        "plan": Plan.DRAFT,
        "outcome": Outcome.SKIPPED,
        "verdict": "improved",
        "checks": (),
        "similarity": 0.75,
        "cost_usd": 0.5,
        "would_cost_usd": 0.125,
        "baseline_usd": 0.25,
        "saved_usd": 0.125,
        "calls": (
            CallNote("draft", "small", 200, "", 0.0, 0.1, 0.2, Usage(10, 1), 0.125),
            CallNote("verify", "big", 200, "", 0.2, 0.3, 0.4, Usage(20, 1), 0.375),
        ),
    }
    return Comparison(**{**given, **changes})  # type: ignore[arg-type]


def test_comparisons_are_counted_apart(capfdbinary: pytest.CaptureFixture[bytes]):
    meters = Meters("1", "hash")
    journal = Journal(meters)
    journal.compare(comparison())
    journal.compare(comparison(outcome=Outcome.RESCUED, verdict="", similarity=None, saved_usd=-0.5, calls=()))
    meters.dropped()
    told = numbers(meters)
    assert told['cascade_shadow_total{outcome="SKIPPED",plan="draft"}'] == told['cascade_shadow_total{outcome="RESCUED",plan="draft"}'] == 1
    assert told['cascade_shadow_verdicts_total{plan="draft",verdict="improved"}'] == 1
    assert (told['cascade_shadow_cost_usd_total{role="draft"}'], told['cascade_shadow_cost_usd_total{role="verify"}']) == (0.125, 0.375)
    assert (told["cascade_shadow_saved_usd_total"], told["cascade_shadow_dropped_total"]) == (-0.375, 1)
    assert (told["cascade_shadow_similarity_count"], told["cascade_shadow_similarity_sum"]) == (1, 0.75)
    assert not [name for name in told if name.startswith(("cascade_cost_usd_total", "cascade_tokens_total", "cascade_requests_total"))]
    assert [one["outcome"] for one in journal.compared(9)] == ["RESCUED", "SKIPPED"]
    first = json.loads(capfdbinary.readouterr().out.splitlines()[0])
    assert (first["time"], first["event"], first["verdict"]) == ("2023-11-14T22:13:20.000Z", "shadow", "improved")


def test_records_go_to_the_decision_log_as_their_lines_tell_them(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        Journal(Meters("1", "hash"), writer.decisions).take([record(trace_id="a"), record(trace_id="b")])
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    kept = [json.loads(bytes(one)) for one in Reader(path).after(0, 9)]
    extra = {"time", "level", "event", "id"}
    assert [{key: one[key] for key in one.keys() - extra} for one in lines] == [
        {key: one[key] for key in one.keys() - extra} for one in kept
    ]
    assert [one["trace_id"] for one in kept] == ["a", "b"]


def test_a_warning_is_a_line_as_well(capfdbinary: pytest.CaptureFixture[bytes]):
    warn("decisions_unwritable", 'the disk is "full"')
    told = json.loads(capfdbinary.readouterr().out)
    assert (told["level"], told["event"], told["message"]) == ("warning", "decisions_unwritable", 'the disk is "full"')


def test_what_the_decision_log_lost_is_counted():
    meters = Meters("1", "hash")
    meters.lost(3, "queue_full")
    assert numbers(meters)['cascade_decisions_dropped_total{reason="queue_full"}'] == 3
