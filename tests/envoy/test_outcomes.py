"""Every outcome of a cascade, in every dialect, streamed or not: the answer, its record, its cost, the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.support.pair import (
    DIALECT_OF,
    DRAFT_PRICE,
    EASY,
    PATHS,
    VERIFY_PRICE,
    Call,
    Pair,
    calls_of,
    formed,
    newest,
    pair,
    question,
    said,
    told,
)

pytestmark = pytest.mark.envoy


@dataclass(frozen=True)
class Case:
    """How the providers behave, and what comes of it: why, and the calls by role, status and error."""

    outcome: str
    draft: str
    verify: str
    rule: str
    calls: tuple[tuple[str, int, str], ...]


SERVED = (("draft", 200, ""), ("verify", 200, ""))
CASES = (
    Case("ACCEPTED", "", "verdict=accept", "", SERVED),
    Case("ACCEPTED", "", "verdict=accept; chatter", "", SERVED),
    Case("ENHANCED", "text=Maybe.", "", "", SERVED),
    Case("RESCUED", "status=503", "", "draft_status_503", (("draft", 503, "status_503"), ("verify", 200, ""))),
    Case("RESCUED", "empty", "", "check_not_empty", (("draft", 200, "not_empty"), ("verify", 200, ""))),
    Case("RESCUED", "words=2000", "", "check_finished", (("draft", 200, "finished"), ("verify", 200, ""))),
    Case("FALLBACK", "", "status=500", "verify_status_500", (("draft", 200, ""), ("verify", 500, "status_500"))),
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.outcome} {case.draft or case.verify}")
def test_an_outcome(both: Pair, case: Case, path: str):
    labels = {"outcome": case.outcome, "plan": "cascade", "dialect": DIALECT_OF[path]}
    limit = {"max_output_tokens" if path == "/v1/responses" else "max_tokens": 1024}
    counted = both.metric("cascade_requests_total", **labels)
    by_draft = case.outcome in {"ACCEPTED", "FALLBACK"}
    answers = []
    for stream in (False, True):
        response = both.ask(path, question(path, stream=stream, **limit), draft=case.draft, verify=case.verify)
        assert response.status_code == 200
        assert told(response)[:2] == (case.outcome, "draft-small" if by_draft else "claude-opus-4-8")
        assert said(response) == bytes(newest(both.draft if by_draft else both.verify).sent)
        answers.append(response)
    for response in answers:
        record = both.record(response)
        assert (record["outcome"], record["plan"], record["status"]) == (case.outcome, "cascade", 200)
        assert not case.rule or record["rules"][-1] == case.rule
        assert tuple((call.role, call.status, call.error) for call in calls_of(record)) == case.calls
        _costs_are_right(record["cost_usd"], told(response)[2], calls_of(record))
    assert both.metric("cascade_requests_total", **labels) == counted + 2


def _costs_are_right(recorded: float, shown: str, calls: list[Call]) -> None:
    """Every call by its own tokens and its own price."""
    expected = 0.0
    for call in calls:
        usage, price = call.usage or {}, DRAFT_PRICE if call.role == "draft" else VERIFY_PRICE
        expected += (usage.get("input", 0) * price["input"] + usage.get("output", 0) * price["output"]) / 1e6
        assert (usage.get("output", 0) > 0) == (call.status == 200)
    assert recorded == pytest.approx(expected)
    assert float(shown) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_draft_that_is_only_checked(both: Pair, path: str, stream: bool):
    asked = both.verify.count
    response = both.ask(path, question(path, EASY, stream=stream, **formed(path)))
    assert told(response)[:2] == ("SKIPPED", "draft-small")
    assert said(response) == bytes(newest(both.draft).sent)
    assert both.verify.count == asked
    record = both.record(response)
    assert (record["outcome"], record["plan"]) == ("SKIPPED", "draft")
    assert [(call.role, call.error) for call in calls_of(record)] == [("draft", "")]
    failed = both.metric("cascade_checks_failed_total", check="valid_json")
    response = both.ask(path, question(path, EASY, stream=stream, **formed(path)), draft="text=Sure! {}")
    assert told(response)[0] == "RESCUED"
    assert said(response) == bytes(newest(both.verify).sent)
    assert "check_valid_json" in both.record(response)["rules"]
    assert both.metric("cascade_checks_failed_total", check="valid_json") == failed + 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_when_both_fail_the_verify_models_own_error_is_the_answer(both: Pair, path: str, stream: bool):
    response = both.ask(path, stream=stream, draft="status=400", verify="status=429; retry-after-s=7")
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.content == bytes(newest(both.verify).sent)
    assert told(response)[:2] == ("FAILED", "claude-opus-4-8")
    record = both.record(response)
    assert (record["outcome"], record["status"]) == ("FAILED", 429)
    assert [(call.status, call.error) for call in calls_of(record)] == [(400, "status_400"), (429, "status_429")]


def test_the_metrics_tell_the_calls_apart(both: Pair):
    def counted() -> dict[str, float]:
        return {
            "errors": both.metric("cascade_errors_total", role="verify", kind="status_500"),
            "draft tokens": both.metric("cascade_tokens_total", role="draft", type="output"),
            "verify tokens": both.metric("cascade_tokens_total", role="verify", type="output"),
            "draft cost": both.metric("cascade_cost_usd_total", role="draft"),
            "verify cost": both.metric("cascade_cost_usd_total", role="verify"),
            "baseline": both.metric("cascade_baseline_cost_usd_total"),
            "saved": both.metric("cascade_saved_usd_total"),
        }

    def grown(**how: str) -> tuple[httpx.Response, dict[str, float]]:
        before = counted()
        response = both.ask("/v1/messages", **how)
        both.record(response)
        return response, {name: value - before[name] for name, value in counted().items()}

    response, more = grown(verify="status=500")
    draft = calls_of(both.record(response))[0]
    assert draft.usage is not None
    assert more["errors"] == 1
    assert (more["draft tokens"], more["verify tokens"]) == (draft.usage["output"], 0)
    assert more["draft cost"] == pytest.approx(draft.cost_usd)
    assert more["saved"] == pytest.approx(more["baseline"] - more["draft cost"])
    response, more = grown(verify="verdict=improve")
    verify = calls_of(both.record(response))[1]
    assert verify.usage is not None
    assert more["errors"] == 0
    assert more["verify tokens"] == verify.usage["output"]
    assert more["verify cost"] == pytest.approx(verify.cost_usd)
    assert more["saved"] == pytest.approx(more["baseline"] - more["draft cost"] - more["verify cost"])
