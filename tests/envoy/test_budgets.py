"""Budgets of the configuration: what may not be spent is not spent, and the best answer in hand goes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pair import PATHS, Pair, pair, told

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


def test_one_call_is_the_drafts(tmp_path: Path):
    with pair(tmp_path, budget={"max_calls": 1}) as both:
        for path in PATHS:
            for stream in (False, True):
                _falls_back(both, path, stream=stream)
                response = both.ask(path, stream=stream, draft="status=503")
                assert (response.status_code, told(response)[0]) == (504, "FAILED")
                assert "budget" in response.json()["error"]["message"]
        assert both.verify.count == 0


def test_a_judgement_that_costs_too_much_is_not_asked_for(tmp_path: Path):
    with pair(tmp_path, budget={"max_cost_usd": 0.005}) as both:
        for path in PATHS:
            _falls_back(both, path, stream=True)
        assert both.verify.count == 0


def test_an_answer_is_given_less_room_where_that_is_all_that_can_be_paid(tmp_path: Path):
    with pair(tmp_path, budget={"max_cost_usd": 0.02}) as both:
        response = both.ask("/v1/messages", verify="verdict=improve; characters=50000")
        record = both.record(response)
        # An improvement that is cut off is worth less than a draft that has passed its checks.
        assert told(response)[:2] == ("FALLBACK", "draft-small")
        assert "verify_length" in record["rules"]
        assert 0.01 < record["cost_usd"] <= 0.02


def test_time_runs_out(tmp_path: Path):
    with pair(tmp_path, budget={"max_wall_s": 1.0}) as both:
        for path in PATHS:
            response = both.ask(path, stream=True, verify="hang")
            assert told(response)[:2] == ("FALLBACK", "draft-small")
            assert "verify_budget" in both.record(response)["rules"]
        response = both.ask("/v1/messages", draft="status=503", verify="hang")
        assert (response.status_code, told(response)[0]) == (504, "FAILED")
        assert response.json()["type"] == "error"


def _falls_back(both: Pair, path: str, *, stream: bool) -> None:
    response = both.ask(path, stream=stream)
    assert told(response)[:2] == ("FALLBACK", "draft-small")
    record = both.record(response)
    assert record["rules"][-1] == "over_budget"
    assert len(record["calls"]) == 1
