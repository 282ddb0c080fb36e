"""Clients of every dialect before models of other dialects: the real SDKs, the real Envoy, every outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anthropic
import openai
import pytest

from tests.support.asking import CLAUDE, GPT, MODEL, OUTCOMES, Seen
from tests.support.pair import EASY, PATHS, Pair, continuation, newest, pair, question, told
from tests.support.system import until

pytestmark = pytest.mark.envoy

PAIRS = [
    ("openai_chat", "anthropic"),
    pytest.param(("anthropic", "openai_chat"), marks=pytest.mark.slow),
    pytest.param(("openai_chat", "openai_responses"), marks=pytest.mark.slow),
]
"""Draft and verify."""
HARDEST = (
    "Design a lock-free multi-producer queue in C++, prove that it is linearizable, and analyse its security under memory "
    "reclamation races. Compare three reclamation schemes, and refactor the code below so that it cannot deadlock."
)
ways = pytest.mark.parametrize("way", [*CLAUDE, *GPT], ids=lambda way: way.__name__)
each = pytest.mark.parametrize("path", PATHS)
both_forms = pytest.mark.parametrize("stream", [False, True])


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system"), speaking=request.param, telemetry={"debug_headers": True}) as running:
        yield running


def ask(two: Pair, way: Callable[..., Seen], how: dict[str, str]) -> Seen:
    if way in CLAUDE:
        with anthropic.Anthropic(base_url=two.system.url, api_key="client-key", max_retries=0) as claude:
            return way(claude, how)
    with openai.OpenAI(base_url=f"{two.system.url}/v1", api_key="client-key", max_retries=0) as gpt:
        return way(gpt, how)


@pytest.mark.parametrize("outcome", OUTCOMES)  # in turns, or Envoy takes the failing draft provider out for a while
@ways
def test_an_outcome(two: Pair, way: Callable[..., Seen], outcome: str):
    model, text = ask(two, way, OUTCOMES[outcome])
    by = "draft-small" if outcome in {"ACCEPTED", "FALLBACK"} else MODEL
    assert model == by
    assert text.startswith(f"{by} puts it this way:" if outcome == "ENHANCED" else f"{by} on ")
    assert text.endswith(".")
    assert "USE_DRAFT" not in text


@each
@both_forms
def test_a_simple_question_is_answered_by_the_draft_alone(two: Pair, path: str, stream: bool):
    response = two.ask(path, question(path, EASY, stream=stream))
    assert response.status_code == 200
    outcome, model, _ = told(response)
    assert (outcome, model) == ("SKIPPED", "draft-small")
    record = two.record(response)
    assert (record["outcome"], record["cost_usd"] > 0, record["model"]) == ("SKIPPED", True, "draft-small")


@each
@both_forms
def test_a_hard_question_goes_to_verify_alone(two: Pair, path: str, stream: bool):
    response = two.ask(path, question(path, HARDEST, stream=stream))
    assert response.status_code == 200
    assert response.headers["x-cascade-outcome"] == "DIRECT"
    assert two.record(response)["usage"]["output"] > 0
    asked = newest(two.verify)
    keys = {asked.headers.get("x-api-key"), asked.headers.get("authorization")}
    translated = not asked.target.startswith(path)
    assert keys == {None, "Bearer client-key" if translated and "messages" not in asked.target else "client-key"}


@each
@both_forms
def test_an_agents_call_comes_back_as_the_client_knows_it(two: Pair, path: str, stream: bool):
    response = two.ask(path, continuation(path, stream=stream), stream=stream)
    assert response.status_code == 200
    assert "get_weather" in response.text
    assert told(response)[0] == "SKIPPED"


@each
def test_verifys_refusal_is_told_in_the_clients_dialect(two: Pair, path: str):
    response = two.ask(path, question(path), draft="status=500", verify="status=429; retry-after-s=3")
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    error = response.json()["error"]
    assert error["type"] in {"rate_limit_error", "requests"}  # the second is the simulated provider's own, untouched
    assert "rate limit" in error["message"]
    assert ("type" in response.json()) == (path == "/v1/messages")


def test_what_is_lost_is_told(two: Pair):
    body = question("/v1/messages", EASY, top_k=3, metadata={"user_id": "somebody"}, service_tier="auto")
    response = two.ask("/v1/messages", body)
    assert response.status_code == 200
    if newest(two.draft).target.startswith("/v1/messages"):
        assert "x-cascade-lossy" not in response.headers
        return
    lost = response.headers["x-cascade-lossy"].split(",")
    assert "top_k" in lost
    assert two.record(response)["lossy"] == lost
    until(lambda: two.metric("cascade_translation_lossy_total", field="top_k") >= 1)
