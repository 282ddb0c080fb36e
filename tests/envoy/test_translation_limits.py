"""What cannot be translated, or need not be: state that a server keeps, counting, bodies that cannot be read, a dead processor."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import anthropic
import httpx
import openai
import pytest

from tests.support.pair import EASY, PATHS, Pair, newest, pair, question, told

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
THREAD = {"type": "continue", "previous_message_id": "msg_1"}


@pytest.fixture(scope="module")
def to_chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both models speak Chat Completions alone; the draft model sees no images."""
    with pair(tmp_path_factory.mktemp("system"), speaking=("openai_chat", "openai_chat"), draft_more={"lacks": ["images"]}) as running:
        yield running


@pytest.fixture(scope="module")
def to_claude(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The draft speaks Messages, verify Chat Completions."""
    with pair(tmp_path_factory.mktemp("system"), speaking=("anthropic", "openai_chat")) as running:
        yield running


def test_state_that_a_server_keeps_is_said_to_be_forgotten(to_chat: Pair):
    with openai.OpenAI(base_url=f"{to_chat.system.url}/v1", api_key="k", max_retries=0) as gpt:
        with pytest.raises(openai.BadRequestError) as caught:
            gpt.responses.create(model="gpt-6", input="And then?", previous_response_id="resp_1")
        assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
    with anthropic.Anthropic(base_url=to_chat.system.url, api_key="k", max_retries=0) as claude:
        asked = question("/v1/messages", "And then?")
        with pytest.raises(anthropic.NotFoundError) as lost:
            claude.post("/v1/messages", body={**asked, "thread": THREAD}, cast_to=object)
        assert "thread_not_found" in str(lost.value.body)


def test_tokens_are_estimated_where_no_model_counts(to_chat: Pair):
    with anthropic.Anthropic(base_url=to_chat.system.url, api_key="k", max_retries=0) as claude:
        counted = claude.messages.with_raw_response.count_tokens(
            model="claude-opus-4-8", messages=[{"role": "user", "content": "word " * 1000}]
        )
    assert counted.headers["x-cascade-lossy"] == "input_tokens=estimated"
    assert 800 < counted.parse().input_tokens < 2500


def test_tokens_are_counted_by_the_draft_model_where_it_can(to_claude: Pair):
    with anthropic.Anthropic(base_url=to_claude.system.url, api_key="k", max_retries=0) as claude:
        counted = claude.messages.with_raw_response.count_tokens(model="claude-opus-4-8", messages=[{"role": "user", "content": "Hello"}])
    assert counted.parse().input_tokens > 0
    assert "x-cascade-lossy" not in counted.headers
    asked = newest(to_claude.draft)
    assert (asked.target, json.loads(asked.body)["model"]) == ("/v1/messages/count_tokens", "draft-small")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"model":"m","messages":"x","max_tokens":1}', b"\xff", b'{"messages":[]}', b'{"a":' * 100_000]
)
def test_what_cannot_be_read_cannot_be_translated(to_chat: Pair, body: bytes):
    response = to_chat.client.post("/v1/messages", content=body, headers={"content-type": "application/json", "x-api-key": "k"})
    assert response.status_code == 400
    told_error = response.json()
    assert (told_error["type"], told_error["error"]["type"]) == ("error", "invalid_request_error")
    assert "cannot be read" in told_error["error"]["message"] or "cannot be put" in told_error["error"]["message"]
    assert response.headers["x-cascade-outcome"] == "FAILED"


def test_a_model_is_not_asked_what_it_cannot_take(to_chat: Pair):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    content = [image, {"type": "text", "text": EASY}]
    response = to_chat.ask("/v1/messages", question("/v1/messages", EASY) | {"messages": [{"role": "user", "content": content}]})
    assert response.status_code == 200
    assert told(response)[0] == "DIRECT"
    assert "draft_cannot_images" in response.headers["x-cascade-rules"]
    assert f"data:image/png;base64,{PIXEL}".encode() in newest(to_chat.verify).body


@pytest.mark.parametrize("path", PATHS[::2])
def test_without_the_processor_the_client_is_told_to_come_again(path: str, tmp_path_factory: pytest.TempPathFactory):
    with pair(tmp_path_factory.mktemp("system"), speaking=("openai_chat", "openai_chat")) as two:
        worker = two.system.children()["worker 0"]
        os.kill(worker, signal.SIGSTOP)
        try:
            response = two.client.post(path, json=question(path, EASY), headers={"x-api-key": "k"})
        finally:
            os.kill(worker, signal.SIGCONT)
        assert response.status_code == 503
        assert "try again" in response.json()["error"]["message"]
        assert two.ask(path, question(path, EASY)).status_code == 200


def test_whoever_wants_no_translation_gets_none(tmp_path_factory: pytest.TempPathFactory):
    more = {"translate": False}
    with pair(tmp_path_factory.mktemp("system"), speaking=("anthropic", "anthropic"), draft_more=more, verify_more=more) as two:
        response: httpx.Response = two.ask("/v1/chat/completions", question("/v1/chat/completions", EASY))
        assert (response.status_code, response.headers["x-cascade-outcome"]) == (404, "BYPASSED")
