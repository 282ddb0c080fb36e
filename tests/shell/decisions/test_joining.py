"""A record and the calls that belong to it meet in the file, whichever comes first and whoever brings it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from extproc.core.records import Abandoned, CallNote, Record
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.shell.decisions import Reader
from tests.shell.decisions.made import record, writing
from tests.support.system import until

CALLS = (
    CallNote(Role.DRAFT, "small", 200, "", 0.0, 0.1, 0.5, Usage(100, 10), 0.25),
    CallNote(Role.VERIFY, "big", 0, "cancelled", 0.5, None, 2.5, Usage(), 0.0),
)


def left(**changes: object) -> Record:
    given: dict[str, Any] = {
        "outcome": Outcome.FAILED,
        "plan": Plan.CASCADE,
        "role": None,
        "status": 0,
        "usage": None,
        "cost_usd": None,
        "baseline_usd": None,
        "error": "downstream_connection_termination",
    }
    return record(**{**given, **changes})


def told(trace_id: str = "t" * 32, calls: tuple[CallNote, ...] = CALLS) -> Abandoned:
    return Abandoned(1_700_000_001.0, trace_id, ("why", "draft_good"), calls)


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(bytes(one)) for one in Reader(path).after(0, 100)]


@pytest.mark.parametrize("calls_first", [True, False])
def test_they_meet_in_either_order_and_from_different_workers(tmp_path: Path, calls_first: bool):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as one, writing(path) as other:
        if calls_first:
            one.decisions.attach(told())
            until(lambda: path.exists() and not one.decisions._queue and Reader(path).last_id() == 0)
        other.put(left())
        until(lambda: Reader(path).last_id() == 1)
        if not calls_first:
            one.decisions.attach(told())
        until(lambda: kept(path)[0]["calls"])
    (whole,) = kept(path)
    assert [call[:4] for call in whole["calls"]] == [["draft", "small", 200, ""], ["verify", "big", 0, "cancelled"]]
    assert (whole["outcome"], whole["rules"], whole["cost_usd"], whole["baseline_usd"]) == ("FAILED", ["why", "draft_good"], 0.25, 0)
    figures = Reader(path).summary().all
    assert (figures.cost_usd, figures.saved_usd, figures.cost_unknown) == (Decimal("0.25"), Decimal("-0.25"), 0)
    assert (figures.input_tokens, figures.output_tokens) == (100, 10)


def test_several_in_one_trace_get_their_calls_in_turn(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.decisions.attach(told())
        writer.put(left(), left(), record())
        writer.decisions.attach(told(calls=CALLS[:1]))
        writer.decisions.attach(told(calls=CALLS[:1]))
    assert [len(one["calls"]) for one in kept(path)] == [2, 1, 0]


def test_calls_of_unknown_cost_stay_unknown(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(left())
        writer.decisions.attach(told(calls=(CallNote(Role.DRAFT, "small", 200, "", 0.0, 0.1, 0.5),)))
    (whole,) = kept(path)
    assert (whole["cost_usd"], len(whole["calls"])) == (None, 1)
    assert Reader(path).summary().all.cost_unknown == 1


def test_calls_whose_record_never_comes_do_not_wait_for_ever(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.decisions.attach(told("never"))
        writer.decisions.attach(Abandoned(1_700_010_000.0, "later", (), CALLS))
    with writing(path) as writer:
        writer.put(left(trace_id="never"), left(trace_id="later"))
    assert [len(one["calls"]) for one in kept(path)] == [0, 2]
