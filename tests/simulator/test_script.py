"""A simulated provider that is told what to say, and what to refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from extproc.core.vocabulary import Dialect
from extproc.simulator import Profile, Simulator
from extproc.simulator.answer import Call, Content
from extproc.simulator.ask import Ask, RefusedError
from tests.support.background import Background

PATCH = "*** Begin Patch\n*** End Patch\n"
TOOL: Any = {"type": "custom", "name": "apply_patch", "format": {"type": "text"}}


def script(dialect: Dialect, ask: Ask, body: bytes) -> Content | None:
    if ask.prompt == "refuse":
        raise RefusedError(400, f"{dialect} takes no {len(json.loads(body))} fields")
    if ask.prompt == "patch":
        return Content(thought="A patch.", calls=(Call("apply_patch", PATCH, custom=True),))
    return Content(text="As told.") if ask.prompt == "speak" else None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Background(Simulator(Profile(text="By the profile."), script=script)) as running:
        yield running.url


def asked(url: str, prompt: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": prompt}]})


def test_the_script_speaks_where_it_wants_to(url: str):
    said = [asked(url, prompt).json()["choices"][0]["message"]["content"] for prompt in ("speak", "Hello")]
    assert said == ["As told.", "By the profile."]


def test_the_script_refuses(url: str):
    refused = asked(url, "refuse")
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "openai_chat takes no 2 fields")


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_of_free_text_is_called(url: str, stream: bool):
    answer: Any
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client:
        if stream:
            with client.responses.stream(model="m", input="patch", tools=[TOOL]) as events:
                told = "".join([event.delta for event in events if event.type == "response.custom_tool_call_input.delta"])
                answer = events.get_final_response()
            assert told == PATCH
        else:
            answer = client.responses.create(model="m", input="patch", tools=[TOOL])
    (call,) = [item for item in answer.output if item.type == "custom_tool_call"]
    assert (call.name, call.input, call.id[:4] if call.id else "") == ("apply_patch", PATCH, "ctc_")
