"""What the generated bootstrap does, seen from a client and from the providers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import Cascade, body_of, models
from tests.support.background import Background
from tests.support.plain import ANSWER, Plain
from tests.support.system import System, free_ports

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
TOOL: dict[str, Any] = {"type": "function", "name": "read", "function": {"name": "read"}, "input_schema": {"type": "object"}}
FORGED = {"x-cascade-outcome": "ACCEPTED", "x-cascade-model": "forged", "x-cascade-rules": "forged", "x-cascade-trace-id": "forged"}


def direct(path: str = "/v1/messages") -> dict[str, Any]:
    """A request with tools, which the router gives to the verify model."""
    return {**body_of(path, "Hello!"), "tools": [TOOL]}


@dataclass(frozen=True)
class Rooted:
    """A running system in front of providers whose APIs lie under paths."""

    system: System
    draft: Plain
    verify: Plain
    origin: Plain
    client: httpx.Client


@pytest.fixture(scope="module")
def rooted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooted]:
    folder: Path = tmp_path_factory.mktemp("rooted")
    with (
        Background(Plain(FORGED)) as draft,
        Background(Plain(FORGED)) as verify,
        Background(Plain(FORGED)) as origin,
        System(
            folder,
            models(f"{draft.url}/anthropic", f"{verify.url}/api/v1"),
            environ={"DRAFT_KEY": "the-draft-key"},
            origin={"base_url": f"{origin.url}/root", "api_key": "forward"},
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Rooted(system, draft, verify, origin, client)


def test_paths_lie_under_the_providers_root_and_the_query_stays(rooted: Rooted):
    assert rooted.client.post("/v1/messages?x=1", json=body_of("/v1/messages", "Hello!")).headers["x-cascade-outcome"] == "SKIPPED"
    assert rooted.draft.requests[-1].target == "/anthropic/v1/messages?x=1"
    assert rooted.client.post("/v1/messages?x=%2F&y", json=direct()).headers["x-cascade-outcome"] == "DIRECT"
    assert rooted.verify.requests[-1].target == "/api/v1/messages?x=%2F&y"
    assert rooted.client.post("/v1/chat/completions?x=1", json=direct("/v1/chat/completions")).status_code == 200
    assert rooted.verify.requests[-1].target == "/api/v1/chat/completions?x=1"
    assert rooted.client.post("/v1/messages/count_tokens?beta=true", json=direct()).status_code == 200
    assert rooted.verify.requests[-1].target == "/api/v1/messages/count_tokens?beta=true"


@pytest.mark.parametrize("target", ["/v1/models?x=1", "/elsewhere/v1/messages", "/v1/messages/"])
def test_what_is_no_llm_call_goes_to_the_origin(rooted: Rooted, target: str):
    before = len(rooted.verify.requests), len(rooted.draft.requests)
    with rooted.system.messages_for(0):
        response = rooted.client.get(target)
    assert response.headers["x-cascade-outcome"] == "BYPASSED"
    assert rooted.origin.requests[-1].target == f"/root{target}"
    assert (len(rooted.verify.requests), len(rooted.draft.requests)) == before


def test_each_provider_is_called_by_its_own_name(rooted: Rooted):
    rooted.client.post("/v1/messages", json=body_of("/v1/messages", "Hello!"))
    rooted.client.post("/v1/messages", json=direct())
    for provider in (rooted.draft, rooted.verify):
        assert provider.requests[-1].header("host") == f"127.0.0.1:{provider.port}"


@pytest.mark.parametrize("method", ["draft", "verify", "origin"])
def test_an_upstream_does_not_speak_in_our_name(rooted: Rooted, method: str):
    if method == "origin":
        response = rooted.client.get("/v1/models")
    else:
        response = rooted.client.post("/v1/messages", json=direct() if method == "verify" else body_of("/v1/messages", "Hello!"))
    assert response.content == ANSWER
    ours = [(name, value) for name, value in response.headers.multi_items() if name.startswith("x-cascade-")]
    assert ours
    assert not [value for _, value in ours if value in FORGED.values()]
    assert len(ours) == len({name for name, _ in ours})


@pytest.mark.parametrize("provider", ["draft", "verify", "origin"])
@pytest.mark.parametrize("version", [1, 2])
def test_nothing_is_added_to_what_a_provider_sees(rooted: Rooted, provider: str, version: int):
    sent = {"x-api-key": "client-key", "user-agent": "test/1", "content-type": "application/json", "x-of-the-client": "1"}
    body = direct() if provider == "verify" else body_of("/v1/messages", "Hello!")
    path = "/v1/embeddings" if provider == "origin" else "/v1/messages"
    _curl(f"{rooted.system.url}{path}", sent, json.dumps(body), version)
    seen = getattr(rooted, provider).requests[-1]
    names = [name for name, _ in seen.headers]
    assert len(names) == len(set(names))
    assert {name.lower() for name in names} - set(sent) <= {"host", "content-length", "accept", "accept-encoding", "transfer-encoding"}
    assert seen.header("x-of-the-client") == "1"
    assert seen.header("x-api-key") == ("the-draft-key" if provider == "draft" else "client-key")


def _curl(url: str, headers: dict[str, str], body: str, version: int) -> None:
    import subprocess

    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    http = "--http2-prior-knowledge" if version == 2 else "--http1.1"
    subprocess.run(["curl", "-sSf", "-o", "/dev/null", http, *given, "--data", body, url], check=True, timeout=30)


def test_a_websocket_passes_without_the_processor(rooted: Rooted):
    head = (
        "GET /v1/responses?x=1 HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\r\n"
    )
    with rooted.system.messages_for(0), socket.create_connection(("127.0.0.1", rooted.system.port), 20) as connection:
        connection.sendall(head.encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(1000)
        assert received.startswith(b"HTTP/1.1 101 ")
        for frame in (b"\x81\x05Hello", b"\x82\x03\x00\xff\x00"):
            connection.sendall(frame)
            assert connection.recv(1000) == frame
    assert rooted.verify.requests[-1].target == "/api/v1/responses?x=1"


def test_a_client_does_not_steer_envoy(cascade: Cascade):
    before = len(cascade.draft.requests)
    steering = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3", "x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-original-path": "/x"}
    cascade.ask("Hello!", headers={**steering, "x-simulate": "status=500"})
    assert len(cascade.draft.requests) == before + 1
    assert not [name for name in cascade.verify.requests[-1].headers if name.lower().startswith("x-envoy-")]


@pytest.mark.parametrize("path", PATHS)
def test_a_draft_that_falls_silent_is_reset_and_never_ended(cascade: Cascade, path: str):
    with pytest.raises(httpx.RemoteProtocolError):
        cascade.ask("Hello!", stream=True, path=path, headers={"x-simulate": "stall=3"})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["draft", "verify"])
def test_the_record_has_the_providers_own_numbers(cascade: Cascade, path: str, stream: bool, role: str):
    body = body_of(path, "Hello there!", stream=stream)
    if role == "verify":
        body["tools"] = direct(path)["tools"]
    if stream and path == "/v1/chat/completions":
        body["stream_options"] = {"include_usage": True}
    response = cascade.client.post(path, json=body)
    told = usage_of(response.text, stream=stream)
    record = cascade.system.record(response.headers["x-cascade-trace-id"])
    assert record["role"] == role
    assert record["usage"]["input"] == told.get("input_tokens", told.get("prompt_tokens"))
    assert record["usage"]["output"] == told.get("output_tokens", told.get("completion_tokens"))
    assert record["usage"]["input"] > 0
    assert record["usage"]["output"] > 0
    assert record["status"] == 200
    assert record["response_bytes"] == len(response.content)


def usage_of(text: str, *, stream: bool) -> dict[str, int]:
    """The numbers of an answer, the later ones of a stream over the earlier."""
    found: dict[str, int] = {}
    for document in [line[6:] for line in text.splitlines() if line.startswith("data: {")] if stream else [text]:
        data = json.loads(document)
        for holder in (data, data.get("message") or {}, data.get("response") or {}):
            found |= {name: value for name, value in (holder.get("usage") or {}).items() if isinstance(value, int)}
    return found


@pytest.fixture(scope="module")
def simulated() -> Iterator[tuple[Simulator, Simulator]]:
    with Background(Simulator(Profile(name="draft"))) as draft, Background(Simulator(Profile(name="verify"))) as verify:
        yield draft, verify


@pytest.mark.parametrize("path", PATHS)
def test_with_mode_off_the_processor_hears_nothing(off: Cascade, path: str):
    asked = len(off.draft.requests)
    with off.system.messages_for(0):
        response = off.ask("Hello!", path=path)
    assert response.json()["model"] == "claude-opus-4-8"
    assert off.verify.requests[-1].target == path
    assert off.verify.requests[-1].headers["x-api-key"] == "client-key"
    assert len(off.draft.requests) == asked


@pytest.mark.parametrize("path", PATHS)
def test_with_mode_shadow_the_plan_is_only_told(shadow: Cascade, path: str):
    asked = len(shadow.draft.requests)
    response = shadow.ask("Hello!", path=path)
    assert (response.headers["x-cascade-outcome"], response.json()["model"]) == ("DIRECT", "claude-opus-4-8")
    record = shadow.system.record(response.headers["x-cascade-trace-id"])
    assert (record["outcome"], record["plan"], record["wanted"]) == ("DIRECT", "direct", "draft")
    assert len(shadow.draft.requests) == asked


@pytest.mark.parametrize("path", PATHS)
def test_a_verify_provider_that_is_down_is_a_503_in_the_dialect(down: Cascade, path: str):
    response = down.client.post(path, json=direct(path))
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error["message"]
    assert error["type"] == ("api_error" if path == "/v1/messages" else "server_error")
    assert (response.json().get("type") == "error") == (path == "/v1/messages")
    assert down.ask("Hello!", path=path).headers["x-cascade-outcome"] == "SKIPPED"


@pytest.mark.parametrize(("status", "outcome", "paths"), [(200, "RESCUED", PATHS[:1]), (429, "FAILED", PATHS), (500, "FAILED", PATHS)])
def test_verifys_answer_in_place_of_an_error_without_a_body_is_its_own(tmp_path: Path, status: int, outcome: str, paths: tuple[str, ...]):
    refused = json.dumps({"type": "error", "error": {"type": "of_the_provider", "message": "in its own words"}}).encode()
    told = ANSWER if status == 200 else refused
    with (
        Background(Plain(status=500, body=b"")) as draft,
        Background(Plain(status=status, body=told)) as verify,
        System(tmp_path, models(draft.url, verify.url), environ={"DRAFT_KEY": "k"}) as system,
    ):
        for path in paths:
            response = httpx.post(f"{system.url}{path}", json=body_of(path, "Hello!"), timeout=30)
            assert (response.status_code, response.headers["x-cascade-outcome"]) == (status, outcome)
            assert (response.content, response.headers["content-type"]) == (told, "application/json")


@pytest.fixture(scope="module")
def off(simulated: tuple[Simulator, Simulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    yield from _running(simulated, tmp_path_factory.mktemp("off"), simulated[1].url, mode="off")


@pytest.fixture(scope="module")
def shadow(simulated: tuple[Simulator, Simulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    yield from _running(simulated, tmp_path_factory.mktemp("shadow"), simulated[1].url, mode="shadow", shadow_sample=0)


@pytest.fixture(scope="module")
def down(simulated: tuple[Simulator, Simulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    yield from _running(simulated, tmp_path_factory.mktemp("down"), f"http://127.0.0.1:{free_ports(1)[0]}")


def _running(simulated: tuple[Simulator, Simulator], folder: Path, verify: str, **more: Any) -> Iterator[Cascade]:
    draft = simulated[0]
    with (
        System(folder, models(draft.url, verify), environ={"DRAFT_KEY": "k"}, **more) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Cascade(system, *simulated, client)
