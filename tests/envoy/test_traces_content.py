"""`capture_content`: prompts and answers stand in spans, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.envoy.test_reload import applied
from tests.support.collector import US, Collector, Span
from tests.support.pair import EASY, HARD, PATHS, Pair, formed, pair, question

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

SECRET = "swordfish"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, Collector]]:
    with Collector() as collector:
        telemetry = {"otlp_endpoint": collector.by_grpc, "capture_content": True}
        with pair(tmp_path_factory.mktemp("system"), telemetry=telemetry) as both:
            yield both, collector


def calls(collector: Collector, response: httpx.Response, count: int) -> list[Span]:
    spans = collector.whole(response.headers["x-cascade-trace-id"], count)
    return [one for one in spans if one.name.startswith("chat ")]


def said(span: Span, name: str) -> Any:
    return json.loads(span.attributes[f"gen_ai.{name}"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_what_we_ask_and_hear_is_told(told: tuple[Pair, Collector], path: str, stream: bool):
    both, collector = told
    response = both.ask(path, question(path, HARD, stream=stream), draft="text=Maybe.", verify="verdict=improve")
    draft, verify = calls(collector, response, 9)
    assert said(draft, "input.messages")[-1] == {"role": "user", "parts": [{"type": "text", "content": HARD}]}
    assert said(draft, "output.messages") == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Maybe."}], "finish_reason": "stop"}
    ]
    *asked, judge = said(verify, "input.messages")
    assert asked[0]["parts"][0]["content"] == HARD
    assert "Maybe." in judge["parts"][0]["content"]
    (answer,) = said(verify, "output.messages")
    assert answer["parts"][0]["content"]


@pytest.mark.parametrize("path", PATHS)
def test_of_what_passes_through_only_the_question_is_known(told: tuple[Pair, Collector], path: str):
    both, collector = told
    (draft,) = calls(collector, both.ask(path, question(path, EASY)), 4)
    assert said(draft, "input.messages") == [{"role": "user", "parts": [{"type": "text", "content": EASY}]}]
    assert "gen_ai.output.messages" not in draft.attributes


def test_a_draft_that_envoy_carried_in_vain_has_its_question(told: tuple[Pair, Collector]):
    both, collector = told
    draft, verify = calls(collector, both.ask("/v1/messages", question("/v1/messages", EASY), draft="status=503"), 7)
    assert said(draft, "input.messages") == said(verify, "input.messages")
    assert said(verify, "output.messages")
    assert "gen_ai.output.messages" not in draft.attributes


def test_instructions_stand_apart(told: tuple[Pair, Collector]):
    both, collector = told
    body = question("/v1/messages", EASY, system="You are terse.", **formed("/v1/messages"))
    (draft,) = calls(collector, both.ask("/v1/messages", body), 7)
    assert said(draft, "system_instructions") == [{"type": "text", "content": "You are terse."}]


def test_it_stands_in_calls_spans_and_nowhere_else(told: tuple[Pair, Collector]):
    both, collector = told
    response = both.ask("/v1/messages", question("/v1/messages", f"{HARD} {SECRET}"), verify="verdict=accept")
    spans = calls(collector, response, 9)
    assert [SECRET in one.attributes["gen_ai.input.messages"] for one in spans] == [True, True]
    others = [one for one in collector.spans(response.headers["x-cascade-trace-id"]) if one not in spans]
    assert SECRET not in str(others)
    assert SECRET not in str(both.record(response))
    assert SECRET not in both.system.log.read_text()
    assert SECRET not in httpx.get(f"{both.system.admin}/metrics").text
    assert SECRET not in str(response.headers)
    assert {one.service for one in spans} == {US}


def test_an_unsampled_request_tells_nothing(told: tuple[Pair, Collector]):
    both, collector = told
    trace_id = "0f" * 16
    body = question("/v1/messages", f"{EASY} {SECRET}{SECRET}")
    headers = {"traceparent": f"00-{trace_id}-{'cd' * 8}-00", "x-api-key": "client-key"}
    assert both.client.post("/v1/messages", json=body, headers=headers).status_code == 200
    both.system.record(trace_id)
    calls(collector, both.ask("/v1/messages", question("/v1/messages", EASY)), 4)
    assert not any(SECRET * 2 in message.SerializeToString().decode("latin-1") for message in collector.traces)


def test_a_long_conversation_travels_whole_as_far_as_it_may(told: tuple[Pair, Collector]):
    both, collector = told
    turns = [{"role": "user" if number % 2 == 0 else "assistant", "content": f"{number} " + "word " * 500} for number in range(41)]
    body = {"model": "claude-opus-4-8", "max_tokens": 64, "messages": turns}
    for span in calls(collector, both.ask("/v1/messages", body), 3):
        first, *_, last = said(span, "input.messages")
        assert first["parts"][0]["content"].startswith("[cut: ")
        assert last["parts"][0]["content"].startswith("40 word")


def test_it_can_be_switched_off_at_once(tmp_path: Path):
    with Collector() as collector:
        telemetry = {"otlp_endpoint": collector.by_grpc, "capture_content": True}
        with pair(tmp_path, telemetry=telemetry) as both:
            (told,) = calls(collector, both.ask("/v1/messages", question("/v1/messages", EASY)), 4)
            assert "gen_ai.input.messages" in told.attributes
            applied(both, lambda config: config.update(telemetry={**telemetry, "capture_content": False}))
            (told,) = calls(collector, both.ask("/v1/messages", question("/v1/messages", EASY)), 4)
            assert "gen_ai.input.messages" not in told.attributes
