"""A real model server that is asked in Chat Completions alone, behind clients of the other two dialects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.llm.test_real_models import AGENT_TOOL, CHEAP, asked_messages, both_questions, both_ways, ended, lenient
from tests.support.system import System

pytestmark = [pytest.mark.llm, pytest.mark.timeout(600)]
__all__ = ["lenient"]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, lenient: str) -> Iterator[System]:
    model = {"model": "gemma", "dialect": "openai_chat", "base_url": lenient}
    with System(tmp_path_factory.mktemp("system"), {"draft": model, "verify": model}, draft={"timeout_s": 120}) as running:
        yield running


@both_ways
@both_questions
def test_messages(system: System, question: str, stream: bool):
    message, headers = asked_messages(system, question, stream=stream)
    record = ended(system, headers, question)
    assert {call[9] for call in record["calls"]} == {"openai_chat"}
    assert message.stop_reason in {"end_turn", "max_tokens", "stop_sequence"}
    assert message.usage.input_tokens > 0
    assert not any("USE_DRAFT" in block.text for block in message.content if block.type == "text")


@both_ways
@both_questions
def test_responses(system: System, question: str, stream: bool):
    with openai.OpenAI(base_url=f"{system.url}/v1", api_key="k", max_retries=0, timeout=300) as client:
        asked: dict[str, Any] = {"model": "gpt-5.5", "input": question, "max_output_tokens": 48, "temperature": 0.0}
        if stream:
            with client.responses.create(stream=True, **asked) as events:
                last: Any = list(events)[-1]
            assert last.type in {"response.completed", "response.incomplete"}
            answer, headers = last.response, events.response.headers
        else:
            raw = client.responses.with_raw_response.create(**asked)
            answer, headers = raw.parse(), raw.headers
    ended(system, headers, question)
    assert answer.status in {"completed", "incomplete"}
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0
    assert "USE_DRAFT" not in answer.output_text


@both_ways
def test_a_question_for_the_verify_model_alone(system: System, stream: bool):
    body = {"model": "m", "max_tokens": 4, "stream": stream, "tools": [AGENT_TOOL], "messages": [{"role": "user", "content": CHEAP}]}
    response = httpx.post(f"{system.url}/v1/messages", json=body, timeout=300)
    assert response.status_code == 200, response.text
    assert response.headers["x-cascade-outcome"] == "DIRECT"
    assert system.record(response.headers["x-cascade-trace-id"])["outcome"] == "DIRECT"
