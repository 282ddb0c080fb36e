"""A draft that fails before its first byte never reaches the client: the verify model answers instead."""

from __future__ import annotations

import json
import time

import anthropic
import pytest

from tests.envoy.conftest import Cascade, body_of
from tests.support.system import until

pytestmark = pytest.mark.envoy

PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")


@pytest.fixture(autouse=True)
def _forgotten(cascade: Cascade) -> None:
    """Let the draft provider be trusted again, whatever the test before has done to it."""
    for path in PATHS:
        until(lambda path=path: cascade.ask("Hello!", path=path).headers["x-cascade-outcome"] == "SKIPPED")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["status=400", "status=503", "reset"])
def test_the_client_gets_the_verify_models_answer(cascade: Cascade, path: str, stream: bool, fault: str):
    response = cascade.ask("Hello!", path=path, stream=stream, headers={"x-simulate": fault})
    assert response.status_code == 200
    assert response.headers["x-cascade-outcome"] == "RESCUED"
    assert response.headers["x-cascade-model"] == "claude-opus-4-8"
    assert "claude-opus-4-8" in response.text
    assert (
        cascade.verify.requests[-1].body
        == json.dumps(body_of(path, "Hello!", stream=stream), separators=(",", ":"), ensure_ascii=False).encode()
    )


def test_a_silent_draft_is_given_up_in_time(cascade: Cascade):
    began = time.monotonic()
    response = cascade.ask("Hello!", headers={"x-simulate": "hang"})
    assert response.headers["x-cascade-outcome"] == "RESCUED"
    assert "draft_status_504" in response.headers["x-cascade-rules"]
    assert time.monotonic() - began < 10


def test_the_clients_own_credential_goes_to_verify_and_never_to_the_draft(cascade: Cascade):
    cascade.ask("Hello!", headers={"x-simulate": "status=500", "authorization": "Bearer client-token"})
    draft, verify = cascade.draft.requests[-1], cascade.verify.requests[-1]
    assert draft.headers["x-api-key"] == "the-draft-key"
    assert "authorization" not in draft.headers
    assert (verify.headers["x-api-key"], verify.headers["authorization"]) == ("client-key", "Bearer client-token")


def test_the_sdk_streams_a_rescued_answer(cascade: Cascade):
    with (
        anthropic.Anthropic(base_url=cascade.system.url, api_key="client-key", max_retries=0) as claude,
        claude.messages.stream(
            model="claude-opus-4-8",
            max_tokens=64,
            messages=[{"role": "user", "content": "Hello!"}],
            extra_headers={"x-simulate": "status=529"},
        ) as stream,
    ):
        assert "".join(stream.text_stream)
        assert stream.response.headers["x-cascade-outcome"] == "RESCUED"
        assert stream.get_final_message().model == "claude-opus-4-8"


def test_a_kind_that_was_refused_twice_is_not_tried_again_for_a_while(cascade: Cascade):
    for _ in range(2):
        cascade.ask("Hello!", headers={"x-simulate": "status=400"})
    asked = len(cascade.draft.requests)
    response = cascade.ask("Hello!")
    assert response.headers["x-cascade-outcome"] == "DIRECT"
    assert "draft_refused_before" in response.headers["x-cascade-rules"]
    assert len(cascade.draft.requests) == asked
    until(lambda: cascade.ask("Hello!").headers["x-cascade-outcome"] == "SKIPPED")


def test_the_record_says_what_a_rescue_cost(cascade: Cascade):
    response = cascade.ask("Hello!", headers={"x-simulate": "status=500"})
    record = cascade.system.record(response.headers["x-cascade-trace-id"])
    assert (record["outcome"], record["status"]) == ("RESCUED", 200)
    assert record["usage"]["output"] > 0
    assert record["cost_usd"] == record["baseline_usd"] > 0


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(cascade: Cascade):
    with cascade.client.stream(
        "POST", "/v1/messages", json=body_of("/v1/messages", "Hello!", stream=True), headers={"x-simulate": "hang"}
    ) as response:
        assert response.status_code == 200
    metrics = f"{cascade.system.admin}/metrics"
    until(lambda: "cascade_inflight 0.0" in cascade.client.get(metrics).text)
