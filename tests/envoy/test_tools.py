"""Drafts of agents' turns: calls are checked before the client sees them, and text may flow before that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from extproc.simulator import Profile, Simulator
from tests.support.background import Background
from tests.support.pair import EASY, PATHS, Pair, continuation, formed, pair, question, said, steering, told
from tests.support.plain import Plain
from tests.support.system import System, until

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture(scope="module")
def flowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system"), check={"stream_text": True}, draft={"timeout_s": 1.0}) as running:
        yield running


def calls(both: Pair, path: str, how: dict[str, str], *, stream: bool) -> tuple[str, str, list[tuple[str, Any]]]:
    """Ask by the SDK of the path; give the model that the answer names, its text and its calls with their arguments."""
    body = continuation(path)
    del body["stream"]
    if path == "/v1/messages":
        with anthropic.Anthropic(base_url=both.system.url, api_key="client-key", max_retries=0) as claude:
            if stream:
                with claude.messages.stream(**body, extra_headers=how) as messages:
                    message = messages.get_final_message()
            else:
                message = claude.messages.create(**body, extra_headers=how)
        assert message.stop_reason == "tool_use"
        text = "".join(block.text for block in message.content if block.type == "text")
        return message.model, text, [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    with openai.OpenAI(base_url=f"{both.system.url}/v1", api_key="client-key", max_retries=0) as gpt:
        if path == "/v1/responses":
            if stream:
                with gpt.responses.stream(**body, extra_headers=how) as events:
                    list(events)
                    answer: Any = events.get_final_response()
            else:
                answer = gpt.responses.create(**body, extra_headers=how)
            made = [item for item in answer.output if item.type == "function_call"]
            return answer.model, answer.output_text, [(item.name, json.loads(item.arguments)) for item in made]
        if stream:
            with gpt.chat.completions.stream(**body, extra_headers=how) as chunks:
                list(chunks)
                completion: Any = chunks.get_final_completion()
        else:
            completion = gpt.chat.completions.create(**body, extra_headers=how)
        choice = completion.choices[0]
        assert choice.finish_reason == "tool_calls"
        made = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]
        return completion.model, choice.message.content or "", made


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_a_drafts_call(both: Pair, path: str, stream: bool):
    model, text, made = calls(both, path, {}, stream=stream)
    assert (model, text) == ("draft-small", "draft-small calls get_weather.")
    ((name, arguments),) = made
    assert (name, list(arguments)) == ("get_weather", ["city"])
    assert until(both.system.decisions)[0]["plan"] == "draft"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_a_call_with_wrong_arguments_is_never_seen(both: Pair, path: str, stream: bool):
    failed = both.metric("cascade_checks_failed_total", check="valid_arguments")
    model, text, made = calls(both, path, steering(draft="invalid-arguments"), stream=stream)
    assert (model, text) == ("claude-opus-4-8", "claude-opus-4-8 calls get_weather.")
    assert [(name, list(arguments)) for name, arguments in made] == [("get_weather", ["city"])]
    until(lambda: both.metric("cascade_checks_failed_total", check="valid_arguments") == failed + 1)


@pytest.mark.parametrize("path", PATHS)
def test_after_text_that_has_flowed_the_right_call_comes_in_the_same_message(flowing: Pair, path: str):
    model, text, made = calls(flowing, path, steering(draft="invalid-arguments"), stream=True)
    assert model == "draft-small"
    assert text == "draft-small calls get_weather.claude-opus-4-8 calls get_weather."
    assert [(name, list(arguments)) for name, arguments in made] == [("get_weather", ["city"])]
    assert calls(flowing, path, {}, stream=True)[:2] == ("draft-small", "draft-small calls get_weather.")


@pytest.mark.parametrize("path", PATHS)
def test_text_flows_before_the_verify_model_is_asked(flowing: Pair, path: str):
    asked = flowing.verify.count
    body = question(path, EASY, stream=True, **formed(path))
    how = steering(draft='text={"name": "a rather long name of many words"}; stall=7')
    with flowing.client.stream("POST", path, json=body, headers=how) as response:
        parts = response.iter_raw()
        seen = b""
        while b"name" not in seen:
            seen += next(parts)
        assert flowing.verify.count == asked
        seen += b"".join(parts)
    assert flowing.verify.count == asked + 1
    assert b"outcome=RESCUED" in seen
    starts = {"/v1/messages": b'"message_start"', "/v1/chat/completions": b'"role":', "/v1/responses": b'"response.created"'}
    assert seen.count(starts[path]) <= 2
    assert b"error" not in seen.replace(b'"error":null', b"")


def test_what_is_switched_off(tmp_path: Path):
    router = {"refusal_memory_s": 0.001, "tools": "direct"}
    with pair(tmp_path, router=router, check={"not_empty": False, "finished": False}) as both:
        for path in PATHS:
            response = both.ask(path, continuation(path))
            assert told(response)[0] == "DIRECT"
            assert "tools_direct" in response.headers["x-cascade-rules"]
            response = both.ask(path, draft="empty", verify="verdict=accept")
            assert told(response)[:2] == ("ACCEPTED", "draft-small")
            assert said(response) == bytes(both.draft.requests[-1].sent)


CALL = {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {"city": "Rome"}}


def test_a_drafts_call_is_judged(tmp_path: Path):
    drafted = {"id": "msg_1", "type": "message", "role": "assistant", "model": "plain", "content": [CALL], "stop_reason": "tool_use"}
    drafted |= {"stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2}}
    with (
        Background(Plain(body=json.dumps(drafted).encode())) as draft,
        Background(Simulator(Profile(name="verify", steerable=True, steer_header="x-simulate-verify"))) as verify,
        System(
            tmp_path,
            {
                "draft": {"model": "draft-small", "dialect": "anthropic", "base_url": draft.url},
                "verify": {"dialect": "anthropic", "base_url": verify.url},
            },
            router={"skip_below": 0.0},
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        body = continuation("/v1/messages", forced=False)
        accepted = client.post("/v1/messages", json=body, headers=steering(verify="verdict=accept"))
        assert told(accepted)[:2] == ("ACCEPTED", "draft-small")
        assert accepted.json()["content"] == [CALL]
        assert 'call get_weather {\\"city\\":\\"Rome\\"}' in verify.requests[-1].body.decode()
        improved = client.post("/v1/messages", json=body, headers=steering(verify="verdict=improve"))
        assert told(improved)[:2] == ("ENHANCED", "claude-opus-4-8")
        assert [block["type"] for block in improved.json()["content"]] == ["text", "tool_use"]
