"""The two paths that dominate, byte by byte and message by message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.envoy.conftest import Cascade, body_of
from tests.support.system import until

pytestmark = pytest.mark.envoy

PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
TOOLS: dict[str, Any] = {
    "/v1/messages": [{"name": "read", "description": "Read a file.", "input_schema": {"type": "object"}}],
    "/v1/chat/completions": [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}],
    "/v1/responses": [{"type": "function", "name": "read", "parameters": {"type": "object"}}],
}

# What a rewrite would spoil: white space, key order, number forms, escapes, a decoy, fields that no gateway knows.
ODD = (
    b'\r\n{ "metadata" : {"model": "decoy", "n": 1.0, "big": 12345678901234567890, "e": 1E400},\t"max_tokens":64,\r\n'
    b'  "messages": [ {"role": "user", "content": "Hello \\u0041\\/ \xe2\x80\xa8 \\"model\\": \\"x\\" there!"} ] ,\n'
    b'  "some_field_of_next_year": {"a" : [ 1 , 2 ]},  "model"   :  "claude-opus-4-8"  }\n'
)


def post(cascade: Cascade, body: bytes, path: str = "/v1/messages", **headers: str) -> httpx.Response:
    return cascade.client.post(path, content=body, headers={"content-type": "application/json", "x-api-key": "client-key", **headers})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tools", [False, True])
def test_bytes_are_the_clients_up_and_the_providers_down(cascade: Cascade, path: str, stream: bool, tools: bool):
    body = body_of(path, "Hello there!", stream=stream)
    if tools:
        body["tools"] = TOOLS[path]
    raw = json.dumps(body, indent=1).encode()
    with cascade.system.messages_for(2 if tools else 3):
        response = post(cascade, raw, f"{path}?beta=true&x=%2F")
    provider, model, outcome = (cascade.verify, "claude-opus-4-8", "DIRECT") if tools else (cascade.draft, "draft-small", "SKIPPED")
    seen = provider.requests[-1]
    assert seen.body == raw.replace(b'"claude-opus-4-8"', json.dumps(model).encode())
    assert seen.target == f"{path}?beta=true&x=%2F"
    assert response.content == bytes(seen.sent)
    assert response.headers["x-cascade-outcome"] == outcome
    assert response.headers["x-cascade-model"] == model
    assert response.headers["x-cascade-rules"]
    assert len(response.headers["x-cascade-trace-id"]) == 32


def test_an_odd_body_keeps_every_byte_but_the_models(cascade: Cascade):
    response = post(cascade, ODD)
    assert response.headers["x-cascade-outcome"] == "SKIPPED"
    assert cascade.draft.requests[-1].body == ODD.replace(b'"claude-opus-4-8"', b'"draft-small"')


def test_a_long_stream_costs_no_message_per_event(cascade: Cascade):
    with cascade.system.messages_for(3):
        response = cascade.ask("Hello!", stream=True, headers={"x-simulate": "words=500"})
    assert response.text.count("event: content_block_delta") > 150


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/embeddings"), ("GET", "/v1/responses"), ("HEAD", "/")])
def test_what_is_no_llm_call_never_reaches_the_processor(cascade: Cascade, method: str, path: str):
    with cascade.system.messages_for(0):
        response = cascade.client.request(method, path)
    assert response.headers["x-cascade-outcome"] == "BYPASSED"
    assert cascade.verify.requests[-1].target == path


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b'{"model": "m", "messages": [', "unreadable_json"),
        (b"[1, 2]", None),
        (b'{"messages": []}', "missing_model"),
        (b'{"model": 7, "messages": []}', None),
        (b'{"model": "m", "messages": "x"}', None),
        (b'{"model": "m", "model": "n", "messages": []}', "duplicate_keys"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "\xff\xfe"}]}', None),
        (b'{"model": "m", "n": NaN, "messages": []}', "unreadable_json"),
        (b'{"model": "m", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
        (b"\x00\x01\x02", "unreadable_json"),
    ],
    ids=["cut", "list", "no model", "number", "text", "twice", "not utf-8", "nan", "deep", "binary"],
)
def test_what_cannot_be_read_goes_to_verify_untouched(cascade: Cascade, body: bytes, rule: str | None):
    response = post(cascade, body)
    assert cascade.verify.requests[-1].body == body
    assert response.headers["x-cascade-outcome"] == "BYPASSED"
    assert rule is None or response.headers["x-cascade-rules"] == rule
    assert response.content == bytes(cascade.verify.requests[-1].sent)


def test_a_request_without_a_body_passes(cascade: Cascade):
    response = cascade.client.post("/v1/messages")
    assert response.headers["x-cascade-rules"] == "empty_body"
    assert cascade.verify.requests[-1].body == b""


def test_a_compressed_request_passes_untouched(cascade: Cascade):
    response = post(cascade, b"(\xb5/\xfd not really", **{"content-encoding": "zstd"})
    assert response.headers["x-cascade-rules"] == "encoded_body"
    assert cascade.verify.requests[-1].body == b"(\xb5/\xfd not really"


@pytest.mark.parametrize("path", PATHS)
def test_twenty_megabytes_pass_and_more_than_allowed_is_a_413_in_the_dialect(cascade: Cascade, path: str):
    body = body_of(path, "x" * 20_000_000)
    raw = json.dumps(body).encode()
    assert post(cascade, raw, path).status_code == 200
    # So many words are a matter for a cascade, and too dear to be judged: the draft model has read them all.
    seen = cascade.draft.requests[-1]
    assert len(seen.body) - len("draft-small") == len(raw) - len("claude-opus-4-8")
    too_much = post(cascade, raw + b" " * 20_000_000, path)
    assert too_much.status_code == 413
    assert too_much.json()["error"]["message"]
    assert (too_much.json().get("type") == "error") == (path == "/v1/messages")


def test_a_clients_own_x_cascade_headers_steer_nothing(cascade: Cascade):
    forged = {"x-cascade-target": "draft", "x-cascade-plan": "draft", "x-cascade-outcome": "ACCEPTED", "X-Cascade-Anything": "1"}
    body = json.dumps({**body_of("/v1/messages", "Hello!"), "tools": TOOLS["/v1/messages"]}).encode()
    response = post(cascade, body, **forged)
    assert response.headers["x-cascade-outcome"] == "DIRECT"
    assert not [name for name in cascade.verify.requests[-1].headers if name.lower().startswith("x-cascade")]


def test_credentials_go_where_the_configuration_says(cascade: Cascade):
    cascade.ask("Hello!", headers={"authorization": "Bearer client-token"})
    draft = cascade.draft.requests[-1].headers
    assert draft["x-api-key"] == "the-draft-key"
    assert "authorization" not in draft
    cascade.ask("Hello!", path="/v1/chat/completions", headers={"authorization": "Bearer client-token"})
    assert cascade.draft.requests[-1].headers["authorization"] == "Bearer the-draft-key"
    post(cascade, b"{}", authorization="Bearer client-token")
    assert cascade.verify.requests[-1].headers["authorization"] == "Bearer client-token"


def test_huge_headers_pass_and_beyond_all_measure_they_are_refused(cascade: Cascade):
    response = cascade.ask("Hello!", headers={"x-long": "a" * 50_000})
    assert response.headers["x-cascade-outcome"] == "SKIPPED"
    assert cascade.ask("Hello!", headers={"x-long": "a" * 400_000}).status_code == 431
    assert cascade.ask("Hello!").headers["x-cascade-outcome"] == "SKIPPED"


def test_the_record_knows_tokens_costs_and_times(cascade: Cascade):
    response = cascade.ask("Hello!", stream=True)
    record = cascade.system.record(response.headers["x-cascade-trace-id"])
    assert (record["outcome"], record["plan"], record["turn"], record["status"]) == ("SKIPPED", "draft", "chat", 200)
    assert (record["requested_model"], record["model"]) == ("claude-opus-4-8", "draft-small")
    used = record["usage"]
    assert record["cost_usd"] == pytest.approx((used["input"] * 1.0 + used["output"] * 2.0) / 1e6)
    assert record["baseline_usd"] == pytest.approx((used["input"] * 5.5 + used["output"] * 27.5) / 1e6)
    assert 0 < record["first_byte_s"] <= record["duration_s"]


def test_the_log_has_a_line_for_each_request_and_no_content(cascade: Cascade):
    response = cascade.ask("Hello, my word is Xylophonist!")
    trace = response.headers["x-cascade-trace-id"]
    log = Path(cascade.system.log)
    line = until(lambda: next((one for one in log.read_text().splitlines() if trace in one), None))
    told = json.loads(line.partition("] ")[2])
    assert (told["outcome"], told["model"], told["status"], told["trace_id"]) == ("SKIPPED", "draft-small", 200, trace)
    assert told["duration_s"] > 0
    assert "Xylophonist" not in log.read_text()
    assert "client-key" not in log.read_text()


def test_a_trace_of_the_clients_own_is_kept(cascade: Cascade):
    response = cascade.ask("Hello!", headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})
    assert response.headers["x-cascade-trace-id"] == "ab" * 16


def test_http2_clients_are_served(cascade: Cascade):
    import subprocess

    body = json.dumps(body_of("/v1/messages", "Hello!"))
    url = f"{cascade.system.url}/v1/messages"
    argv = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", "--http2-prior-knowledge", "-d", body, url]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "2 200"


def test_the_admin_tells_health_metrics_and_configuration(cascade: Cascade):
    admin = cascade.system.admin
    assert httpx.get(f"{admin}/healthz").text == "ok\n"
    assert httpx.get(f"{admin}/readyz").text == "ready\n"
    cascade.ask("Hello!")
    until(lambda: 'cascade_requests_total{dialect="anthropic",outcome="SKIPPED"' in httpx.get(f"{admin}/metrics").text)
    assert httpx.get(f"{admin}/api/config").json()["models"]["draft"]["api_key_env"] == "DRAFT_KEY"
    assert httpx.get(f"{admin}/api/decisions", params={"limit": "x"}).status_code == 400
    assert len(httpx.get(f"{admin}/api/decisions", params={"limit": 1}).json()["decisions"]) == 1
