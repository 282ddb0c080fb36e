"""Both models fail: the client gets an error in its own dialect, or a broken connection, but never half an answer as a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import Cascade, models
from tests.support.background import Background
from tests.support.system import System

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    """A draft provider that always fails, and a verify provider that fails as the request says."""
    folder: Path = tmp_path_factory.mktemp("failing")
    with (
        Background(Simulator(Profile(name="draft", fail_status=500))) as draft,
        Background(Simulator(Profile(name="verify", steerable=True))) as verify,
        System(
            folder,
            models(draft.url, verify.url),
            environ={"DRAFT_KEY": "k"},
            verify={"timeout_s": 1.0},
            router={"refusal_memory_s": 0.001},
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Cascade(system, draft, verify, client)


@pytest.mark.parametrize("stream", [False, True])
def test_verifys_own_error_arrives_as_it_is(failing: Cascade, stream: bool):
    response = failing.ask("Hello!", stream=stream, headers={"x-simulate": "status=429; retry-after-s=7"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.headers["x-cascade-outcome"] == "FAILED"
    assert response.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
def test_a_verify_model_that_cannot_be_reached_is_an_error_in_the_dialect(failing: Cascade, path: str):
    response = failing.ask("Hello!", path=path, headers={"x-simulate": "reset"})
    assert response.status_code in {502, 503}
    assert response.headers["x-cascade-outcome"] == "FAILED"
    error = response.json()["error"]
    assert error["message"]
    assert error["type"]
    assert ("type" in response.json()) == (path == "/v1/messages")


def test_a_silent_verify_model_is_a_timeout_in_the_dialect(failing: Cascade):
    response = failing.ask("Hello!", headers={"x-simulate": "hang"})
    assert response.status_code == 504
    assert response.headers["x-cascade-outcome"] == "FAILED"
    assert response.headers["x-cascade-rules"].endswith("verify_timeout")
    assert response.json()["type"] == "error"


@pytest.mark.parametrize("fault", ["cut=5", "stall=5"])
def test_an_answer_that_breaks_off_never_ends_cleanly(failing: Cascade, fault: str):
    response = failing.ask("Hello!", stream=True, headers={"x-simulate": fault})
    *_, last, comment, nothing = response.text.split("\n\n")
    assert last.startswith("event: error\n")
    assert (comment.startswith(": cascade outcome=FAILED model=-"), nothing) == (True, "")


def test_the_sdks_raise_their_own_errors(failing: Cascade):
    headers = {"x-simulate": "status=400"}
    claude = anthropic.Anthropic(base_url=failing.system.url, api_key="k", max_retries=0, default_headers=headers)
    with claude, pytest.raises(anthropic.BadRequestError):
        claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "Hello!"}])
    gpt = openai.OpenAI(base_url=f"{failing.system.url}/v1", api_key="k", max_retries=0, default_headers=headers)
    with gpt, pytest.raises(openai.BadRequestError):
        gpt.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello!"}])
