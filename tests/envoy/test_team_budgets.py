"""What teams may spend in a day, on a real Envoy with the real SDKs: drafts only, refusals, workers, replicas, restarts."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.support.pair import EASY, HARD, PATHS, Pair, pair, question, told
from tests.support.redis import RedisServer
from tests.support.system import until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


def policy(name: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "match": {"headers": {"x-app": name}}, "set": settings}


POLICIES = [
    policy("refused", daily={"team": "header:x-team", "max_tokens": 1, "when_spent": "refuse"}),
    policy("drafted", daily={"team": "header:x-team", "usd": 1e-9}),
    policy("watched", mode="shadow", daily={"max_tokens": 1, "when_spent": "refuse"}),
    policy("ample", daily={"usd": 1000, "max_tokens": 1_000_000_000}),
]


def ask(both: Pair, app: str, team: str = "", words: str = HARD, path: str = "/v1/messages", **how: str) -> httpx.Response:
    headers = {"x-api-key": "client-key", "x-app": app, "x-team": team, **{f"x-simulate-{role}": steps for role, steps in how.items()}}
    return both.client.post(path, json=question(path, words), headers=headers)


def budgets(both: Pair) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(httpx.get(f"{both.system.admin}/api/budgets").text, parse_float=Decimal)
    return found


def spent(both: Pair, team: str) -> dict[str, Any]:
    """Give what a team has spent, as the first worker knows it."""
    return next((one for one in budgets(both)["teams"] if one["team"] == team), {"team": team, "usd": Decimal(0), "tokens": 0})


def exhausted(both: Pair, app: str, team: str) -> None:
    """Let a team spend what it has, and wait until that is known."""
    assert ask(both, app, team).status_code == 200
    until(lambda: spent(both, team or app)["tokens"] > 0)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system"), policies=POLICIES, shadow_sample=1.0) as running:
        yield running


@pytest.fixture
def claude(both: Pair) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=both.system.url, api_key="client-key", max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(both: Pair) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{both.system.url}/v1", api_key="client-key", max_retries=0) as client:
        yield client


def _refused(error: anthropic.RateLimitError | openai.RateLimitError) -> None:
    seconds = int(error.response.headers["retry-after"])
    left = 86_400 - time.time() % 86_400
    assert abs(seconds - left) < 60
    assert "allowance for today is spent" in str(error)
    assert error.response.headers["content-type"] == "application/json"
    assert (error.response.headers["x-cascade-outcome"], error.response.headers["x-cascade-rules"]) == ("FAILED", "allowance_spent")


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_in_messages(both: Pair, claude: anthropic.Anthropic, stream: bool):
    exhausted(both, "refused", f"claude-{stream}")
    headers = {"x-app": "refused", "x-team": f"claude-{stream}"}
    with pytest.raises(anthropic.RateLimitError) as caught:
        claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": HARD}], stream=stream, extra_headers=headers)
    _refused(caught.value)
    assert caught.value.body == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": caught.value.response.json()["error"]["message"]},
    }


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_in_chat_completions_and_responses(both: Pair, gpt: openai.OpenAI, stream: bool):
    exhausted(both, "refused", f"gpt-{stream}")
    headers = {"x-app": "refused", "x-team": f"gpt-{stream}"}
    with pytest.raises(openai.RateLimitError) as caught:
        gpt.chat.completions.create(model="m", messages=[{"role": "user", "content": HARD}], stream=stream, extra_headers=headers)
    _refused(caught.value)
    with pytest.raises(openai.RateLimitError) as caught:
        gpt.responses.create(model="m", input=HARD, stream=stream, extra_headers=headers)
    _refused(caught.value)


def test_a_refusal_is_one_teams_own_and_is_recorded(both: Pair):
    exhausted(both, "refused", "poor")
    asked = len(both.draft.requests), len(both.verify.requests)
    response = ask(both, "refused", "poor")
    assert response.status_code == 429
    assert (len(both.draft.requests), len(both.verify.requests)) == asked
    record = both.record(response)
    assert (record["policy"], record["team"], record["status"], record["rules"]) == ("refused", "poor", 429, ["allowance_spent"])
    assert ask(both, "refused", "rich").status_code == 200
    assert ask(both, "other").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_drafts_alone_are_left_for_who_has_spent_it(both: Pair, path: str):
    team = f"t{PATHS.index(path)}"
    first = ask(both, "drafted", team, HARD, path, verify="verdict=improve")
    assert told(first)[0] == "ENHANCED"
    until(lambda: spent(both, team)["tokens"] > 0)
    later = ask(both, "drafted", team, HARD, path)
    assert told(later)[0] == "SKIPPED"
    assert "allowance_spent" in both.record(later)["rules"]
    tool = {"name": "read", "description": "x", "input_schema": {"type": "object"}}
    if path == "/v1/messages":  # an instruction of an agent goes to the draft model, too, and is checked
        body = question(path, HARD, tools=[tool])
        agent = both.client.post(path, json=body, headers={"x-app": "drafted", "x-team": team})
        assert told(agent)[0] == "SKIPPED"


def test_clients_cannot_choose_their_way_out(tmp_path: Path):
    allowed = {"client_override": True, "daily": {"team": "key", "max_tokens": 1, "when_spent": "refuse"}}
    with pair(tmp_path, policies=[{"name": "open", "set": allowed}]) as both:
        headers = {"x-api-key": "key-one", "x-cascade-plan": "direct"}

        def status(**more: str) -> int:
            return both.client.post("/v1/messages", json=question("/v1/messages", EASY), headers={**headers, **more}).status_code

        assert status() == 200
        until(lambda: status() == 429)
        assert [status(**{"x-cascade-plan": plan}) for plan in ("bypass", "draft")] == [429, 429]
        assert status(**{"x-api-key": "key-two"}) == 200


def test_in_shadow_mode_it_is_only_told_and_comparisons_are_charged(both: Pair):
    first = ask(both, "watched")
    assert told(first)[0] == "DIRECT"
    until(lambda: httpx.get(f"{both.system.admin}/api/shadow").json()["shadow"])
    record = both.record(first)
    (compared,) = [one for one in httpx.get(f"{both.system.admin}/api/shadow").json()["shadow"] if one["trace_id"] == record["trace_id"]]
    tokens = record["usage"]["input"] + record["usage"]["output"] + sum(call[7]["input"] + call[7]["output"] for call in compared["calls"])
    until(lambda: spent(both, "watched")["tokens"] == tokens)
    assert (compared["policy"], compared["team"], len(compared["calls"])) == ("watched", "watched", 2)
    later = ask(both, "watched")
    assert told(later)[0] == "DIRECT"
    assert {"allowance_spent", "shadow_mode"} <= set(both.record(later)["rules"])


def test_what_is_shown(both: Pair):
    exhausted(both, "ample", "")
    found = budgets(both)
    assert found["ends"].endswith("T00:00:00Z")
    assert found["state"]["problem"] == ""
    policies = {one["policy"]: one for one in found["policies"]}
    assert policies["ample"]["spent"]["tokens"] == spent(both, "ample")["tokens"]
    assert "spent" not in policies["refused"]
    assert policies["drafted"] == {
        "policy": "drafted",
        "team": "header:x-team",
        "usd": Decimal("1e-9"),
        "max_tokens": None,
        "when_spent": "draft",
    }
    until(lambda: both.metric("cascade_team_spent_tokens", team="ample") == spent(both, "ample")["tokens"])
    assert both.metric("cascade_team_spent_usd", team="ample") == float(spent(both, "ample")["usd"])
    until(lambda: both.metric("cascade_state_errors_total") == both.metric("cascade_state_age_seconds") == 0)


def test_a_teams_name_cannot_break_out(both: Pair):
    ask(both, "ample", "")
    response = ask(both, "drafted", 'x"} 1\\{<script>' + "y" * 200)
    team = both.record(response)["team"]
    assert team == ("x___1___script_" + "y" * 200)[:64]
    until(lambda: both.metric("cascade_team_spent_tokens", team=team) > 0)


def _refused_by_all(both: Pair, team: str, count: int = 12) -> Callable[[], bool]:
    return lambda: all(ask(both, "refused", team, EASY).status_code == 429 for _ in range(count))


def test_workers_share_what_is_spent(tmp_path: Path):
    with pair(tmp_path, policies=POLICIES, workers=2) as both:
        assert ask(both, "refused", "red").status_code == 200
        until(_refused_by_all(both, "red"))
        total = spent(both, "red")
        decisions = [one for one in both.system.decisions() if one["team"] == "red" and one["status"] == 200]
        calls = sum(Decimal(str(one["cost_usd"])) for one in decisions)
        assert total["usd"] == calls
        until(lambda: both.metric("cascade_team_spent_tokens", team="red") == total["tokens"])


def test_a_file_that_stays_outlives_the_sidecar(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    for again in (False, True):
        folder = tmp_path / str(again)
        folder.mkdir()
        with pair(folder, policies=POLICIES, state=str(tmp_path / "kept/state.sqlite")) as both:
            if not again:
                exhausted(both, "refused", "red")
                last = spent(both, "red")
            until(_refused_by_all(both, "red", 2))
            assert spent(both, "red") == last


def test_a_worker_that_is_killed_forgets_nothing_that_it_has_told(tmp_path: Path):
    with pair(tmp_path, policies=POLICIES) as both:
        exhausted(both, "ample", "")
        total = spent(both, "ample")
        until(lambda: budgets(both)["state"]["heard_s_ago"] < 0.3)
        time.sleep(1.2)  # the next word to the store
        pid = both.system.children()["worker 0"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: both.system.children().get("worker 0", pid) != pid)
        until(both.system.is_ready_or_dead)
        until(lambda: spent(both, "ample") == total)


@pytest.mark.redis
def test_replicas_share_a_redis_and_live_without_it(tmp_path: Path):
    folders = [tmp_path / name for name in ("server", "one", "two")]
    for folder in folders:
        folder.mkdir()
    with (
        RedisServer(folders[0]) as server,
        pair(folders[1], policies=POLICIES, state=server.url, workers=2) as one,
        pair(folders[2], policies=POLICIES, state=server.url, workers=2) as two,
    ):
        assert ask(one, "refused", "red").status_code == 200
        until(_refused_by_all(one, "red"))
        until(_refused_by_all(two, "red"))
        server.kill()
        for replica in (one, two):
            assert _refused_by_all(replica, "red")()  # what was known last
            assert [ask(replica, "ample").status_code for _ in range(6)] == [200] * 6
            assert ask(replica, "refused", "new").status_code == 200
            until(_refused_by_all(replica, "new"))  # by both of its workers, without the Redis
            until(lambda replica=replica: replica.metric("cascade_state_errors_total") > 2)
            until(lambda replica=replica: spent(replica, "ample")["tokens"] > 0)
            assert replica.metric("cascade_state_age_seconds") > 0
            assert "127.0.0.1" in budgets(replica)["state"]["problem"] or "localhost" in budgets(replica)["state"]["problem"]
        server.start()
        expected = sum(Decimal(str(record["cost_usd"])) for replica in (one, two) for record in _of(replica, "ample"))
        for replica in (one, two):
            until(lambda replica=replica: spent(replica, "ample")["usd"] == expected)
            until(lambda replica=replica: budgets(replica)["state"]["problem"] == "")
            log = replica.system.log.read_text()
            assert log.count("what teams spend is not shared at present") == log.count("what teams spend is shared again") == 1
        time.sleep(2.5)
        assert {spent(replica, "ample")["usd"] for replica in (one, two)} == {expected}  # and it stays so


def _of(replica: Pair, team: str) -> list[dict[str, Any]]:
    return [record for record in replica.system.decisions() if record["team"] == team]
