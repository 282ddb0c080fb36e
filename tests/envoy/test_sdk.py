"""The real SDKs, with nothing changed but the base URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.envoy.conftest import Cascade

pytestmark = pytest.mark.envoy

SIMPLE = "Hello there!"
AGENT_TOOL: Any = {"name": "read_file", "description": "Read a file.", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture
def claude(cascade: Cascade) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=cascade.system.url, api_key="client-key", max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(cascade: Cascade) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{cascade.system.url}/v1", api_key="client-key", max_retries=0) as client:
        yield client


def test_messages(claude: anthropic.Anthropic):
    raw = claude.messages.with_raw_response.create(model="claude-opus-4-8", max_tokens=64, messages=[{"role": "user", "content": SIMPLE}])
    assert raw.headers["x-cascade-outcome"] == "SKIPPED"
    assert raw.headers["x-cascade-model"] == "draft-small"
    message = raw.parse()
    assert message.model == "draft-small"
    assert message.usage.output_tokens > 0


def test_messages_streamed(claude: anthropic.Anthropic):
    with claude.messages.stream(model="claude-opus-4-8", max_tokens=64, messages=[{"role": "user", "content": SIMPLE}]) as stream:
        text = "".join(stream.text_stream)
        assert stream.response.headers["x-cascade-outcome"] == "SKIPPED"
        assert stream.get_final_message().stop_reason == "end_turn"
    assert text


def test_messages_with_tools_go_to_the_model_asked_for(claude: anthropic.Anthropic):
    with claude.messages.stream(
        model="claude-opus-4-8", max_tokens=64, tools=[AGENT_TOOL], messages=[{"role": "user", "content": SIMPLE}]
    ) as stream:
        assert stream.response.headers["x-cascade-outcome"] == "DIRECT"
        assert stream.get_final_message().model == "claude-opus-4-8"


def test_count_tokens_and_models_pass_by(cascade: Cascade, claude: anthropic.Anthropic):
    with cascade.system.messages_for(0):
        counted = claude.messages.count_tokens(model="claude-opus-4-8", messages=[{"role": "user", "content": SIMPLE}])
        assert counted.input_tokens > 0
        raw = claude.models.with_raw_response.list()
        assert raw.headers["x-cascade-outcome"] == "BYPASSED"


def test_chat_completions(gpt: openai.OpenAI):
    raw = gpt.chat.completions.with_raw_response.create(model="gpt-5.5", messages=[{"role": "user", "content": SIMPLE}])
    assert raw.headers["x-cascade-outcome"] == "SKIPPED"
    completion = raw.parse()
    assert completion.model == "draft-small"
    assert completion.choices[0].message.content


def test_chat_completions_streamed(gpt: openai.OpenAI):
    chunks = list(
        gpt.chat.completions.create(
            model="gpt-5.5", messages=[{"role": "user", "content": SIMPLE}], stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None
    assert {chunk.model for chunk in chunks} == {"draft-small"}


def test_responses(gpt: openai.OpenAI):
    raw = gpt.responses.with_raw_response.create(model="gpt-5.5", input=SIMPLE)
    assert raw.headers["x-cascade-outcome"] == "SKIPPED"
    assert raw.parse().output_text


def test_responses_streamed(gpt: openai.OpenAI):
    with gpt.responses.stream(model="gpt-5.5", input=SIMPLE) as stream:
        events = list(stream)
        assert stream.get_final_response().output_text
    assert events[-1].type == "response.completed"


def test_a_wrong_request_gets_the_providers_own_error(claude: anthropic.Anthropic):
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(model="claude-opus-4-8", max_tokens=64, messages=[], tools=[AGENT_TOOL])
