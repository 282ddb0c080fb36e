"""Token usage of answers that Envoy carries, by each of its two sources: what the provider told is what the record says."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.simulator import Simulator
from tests.support.books import usage_told
from tests.support.pair import EASY, PATHS, Pair, newest, pair, question, steering
from tests.support.system import until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

SOURCES = ("ai_protocol_manager", "to_metadata")
LONG = "The sky is blue because of how light is scattered. " * 200


@pytest.fixture(scope="module", params=SOURCES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system"), telemetry={"usage_source": request.param}) as running:
        yield running
        troubles = [line for line in running.system.log.read_text().splitlines() if "to_metadata" in line or "protocol_manager" in line]
        assert [line for line in troubles if "work-in-progress" not in line and "alpha" not in line] == []


def cacheable(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Let the conversation be one that a provider has in its cache."""
    words = body["input"] if path == "/v1/responses" else body["messages"][-1]["content"]
    ask: dict[str, Any] = {"role": "user", "content": LONG}
    if path == "/v1/messages":
        ask["content"] = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    turns = [ask, {"role": "assistant", "content": "I see."}, {"role": "user", "content": words}]
    return {**body, ("input" if path == "/v1/responses" else "messages"): turns}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("direct", [False, True])
def test_what_the_provider_told_is_recorded(both: Pair, path: str, stream: bool, cached: bool, direct: bool):
    body = question(path, EASY, stream=stream)
    if direct:
        body["tools"] = [_tool(path)]
    body = cacheable(path, body) if cached else body
    response = both.ask(path, body, draft="words=40", verify="words=50")
    provider: Simulator = both.verify if direct else both.draft
    record = both.record(response)
    assert (record["outcome"], record["calls"]) == ("DIRECT" if direct else "SKIPPED", [])
    expected = usage_told(path, bytes(newest(provider).sent))
    assert {key: record["usage"].get(key, 0) for key in expected} == expected
    assert not cached or expected["cached_input"] > 0
    assert expected["output"] > 20


def _tool(path: str) -> dict[str, Any]:
    shape = {"name": "read", "description": "Read a file."}
    if path == "/v1/messages":
        return {**shape, "input_schema": {"type": "object"}}
    function = {**shape, "parameters": {"type": "object"}}
    return {"type": "function", "function": function} if path == "/v1/chat/completions" else {"type": "function", **function}


@pytest.mark.parametrize("path", PATHS)
def test_half_an_answer_has_no_usage_and_its_cost_is_unknown(both: Pair, path: str):
    unknown = both.metric("cascade_cost_unknown_total", role="draft")
    body = json.dumps(question(path, EASY, stream=True)).encode()
    told = "".join(f"{name}: {value}\r\n" for name, value in steering(draft="words=80; stall=20").items())
    with socket.create_connection(("127.0.0.1", both.system.port), 10) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(body)}\r\n{told}\r\n".encode() + body)
        assert client.recv(100_000)
        until(lambda: len(newest(both.draft).sent) > 500)
    until(lambda: both.metric("cascade_cost_unknown_total", role="draft") == unknown + 1)
    record = both.system.decisions()[0]
    assert (record["outcome"], record["error"]) == ("SKIPPED", "downstream_connection_termination")
    assert (record["usage"], record["cost_usd"], record["baseline_usd"]) == (None, None, None)


@pytest.mark.parametrize("path", PATHS)
def test_a_long_last_event_is_read_as_well(both: Pair, path: str):
    response = both.ask(path, question(path, EASY, stream=True), draft="words=8000")
    record = both.record(response)
    assert record["usage"]["output"] == usage_told(path, bytes(newest(both.draft).sent))["output"]


def test_a_stream_that_was_not_asked_for_its_usage_has_none(both: Pair):
    body = question("/v1/chat/completions", EASY, stream=True)
    del body["stream_options"]
    record = both.record(both.ask("/v1/chat/completions", body))
    assert (record["outcome"], record["usage"], record["cost_usd"]) == ("SKIPPED", None, None)
