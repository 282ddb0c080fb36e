"""A streaming client that has to wait hears something that its SDK passes over, and its stream lives on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.support.pair import HARD, PATHS, Pair, pair, question, said, steering, told
from tests.support.system import until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

MODEL = "claude-opus-4-8"
SLOW = {"draft": "first-token-s=0.7", "verify": "verdict=improve; headers-s=0.9"}
"""Slower together than the draft's own timeout, which is a limit for silence."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system"), draft={"timeout_s": 1.2}, verify={"keepalive_s": 0.3}) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
def test_a_waiting_client_hears_something(both: Pair, path: str):
    response = both.ask(path, stream=True, **SLOW)
    assert told(response)[0] == "ENHANCED"
    waited, _, _ = said(response).partition(bytes(both.verify.requests[-1].sent[:60]))
    events = [event for event in waited.split(b"\n\n") if event]
    assert len(events) >= 3
    assert len(set(events)) == 1, "the same sign each time"
    assert said(response) == waited + bytes(both.verify.requests[-1].sent)


def test_a_stateless_responses_stream_begins_under_an_id_of_ours(both: Pair):
    response = both.ask("/v1/responses", question("/v1/responses", stream=True, store=False), **SLOW)
    kinds = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert kinds[0] == "response.created"
    assert kinds.count("keepalive") >= 2
    assert kinds[-1] == "response.completed"
    ids = set(re.findall(r'"response":\{"id":"(\w+)"', response.text))
    assert ids == {"resp_" + response.headers["x-cascade-trace-id"]}


def test_the_sdks_pass_the_signs_over(both: Pair):
    asked: Any = [{"role": "user", "content": HARD}]
    how = steering(**SLOW)
    with (
        anthropic.Anthropic(base_url=both.system.url, api_key="client-key", max_retries=0) as claude,
        claude.messages.stream(model=MODEL, max_tokens=1024, messages=asked, extra_headers=how) as messages,
    ):
        assert messages.get_final_message().content[0].type == "text"
    with openai.OpenAI(base_url=f"{both.system.url}/v1", api_key="client-key", max_retries=0) as gpt:
        with gpt.chat.completions.stream(model=MODEL, messages=asked, extra_headers=how) as chat:
            list(chat)
            assert (chat.get_final_completion().choices[0].message.content or "").startswith(MODEL)
        for store in (True, False):
            with gpt.responses.stream(model=MODEL, input=HARD, store=store, extra_headers=how) as responses:
                ids = {event.response.id for event in responses if event.type in {"response.created", "response.completed"}}
                answer = responses.get_final_response()
            assert ids == {answer.id}
            assert answer.output_text.startswith(MODEL)


@pytest.mark.parametrize("path", PATHS)
def test_a_draft_that_is_slow_but_never_silent_for_long_is_waited_for(both: Pair, path: str):
    response = both.ask(path, stream=True, draft="words=60; tokens-per-s=45", verify="verdict=accept")
    assert told(response)[:2] == ("ACCEPTED", "draft-small")
    assert response.elapsed.total_seconds() < 30


@pytest.mark.parametrize("path", PATHS)
def test_a_failure_after_a_long_wait_is_an_error_of_the_dialect(both: Pair, path: str):
    response = both.ask(path, stream=True, draft="first-token-s=0.7; error=4", verify="headers-s=0.9; status=529")
    assert response.status_code == 200
    assert told(response)[0] == "FAILED"
    assert "Overloaded" in response.text


@pytest.mark.parametrize("stream", [False, True])
def test_an_acceptance_that_never_ends_holds_nobody_up(both: Pair, stream: bool):
    for path in PATHS:
        response = both.ask(path, stream=stream, verify=f"verdict=accept; chatter; {'stall=9' if stream else 'pause=1; pause-s=0'}")
        assert told(response)[:2] == ("ACCEPTED", "draft-small")
        assert said(response).endswith(bytes(both.draft.requests[-1].sent))
    until(both.is_idle)
