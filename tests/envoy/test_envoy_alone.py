"""What Envoy does by itself, with nothing on the sidecar's sockets: pass on, refuse, and tell why."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.envoy import Envoy
from tests.support.plain import ANSWER, Plain
from tests.support.system import free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
LIMIT = 100_000


@dataclass(frozen=True)
class Alone:
    """A running Envoy and its two providers."""

    envoy: Envoy
    draft: Plain
    verify: Plain


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    with (
        Background(Plain()) as draft,
        Background(Plain()) as verify,
        Envoy(tmp_path_factory.mktemp("alone"), models(draft.url, verify.url), limits={"max_body_bytes": LIMIT}) as envoy,
    ):
        yield Alone(envoy, draft, verify)


@pytest.mark.parametrize("path", PATHS)
def test_llm_calls_pass_to_verify(alone: Alone, path: str):
    passed = r"http\..*ext_proc\.failure_mode_allowed"
    before = alone.envoy.stat(passed)
    response = httpx.post(f"{alone.envoy.url}{path}?x=1", json=body_of(path, "Hello!"), headers={"x-cascade-target": "draft"})
    assert (response.status_code, response.content) == (200, ANSWER)
    assert alone.verify.requests[-1].target == f"{path}?x=1"
    assert alone.envoy.stat(passed) == before + 1
    assert not [name for name in response.headers if name.startswith("x-cascade-")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("announced", [True, False])
def test_llm_calls_that_are_too_large_are_told_so_in_the_dialect(alone: Alone, path: str, announced: bool):
    body = b"x" * 2 * LIMIT
    asked = len(alone.verify.requests)
    response = httpx.post(f"{alone.envoy.url}{path}", content=body if announced else iter([body]))
    assert (response.status_code, response.headers["content-type"]) == (413, "application/json")
    message = f"The request is larger than {LIMIT} bytes, the most that this gateway takes."
    if path == "/v1/messages":
        assert response.json() == {"type": "error", "error": {"type": "request_too_large", "message": message}}
    else:
        assert response.json() == {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    # Of a body without a length the beginning is on its way when the limit is reached; the provider never sees its end.
    assert not announced or len(alone.verify.requests) == asked


@pytest.mark.parametrize("path", ["/v1/files", "/v1/messages/batches", "/v1/messages/count_tokens"])
def test_what_only_passes_by_may_be_large(alone: Alone, path: str):
    response = httpx.post(f"{alone.envoy.url}{path}", content=b"x" * 5 * LIMIT)
    assert (response.status_code, response.content) == (200, ANSWER)
    assert alone.verify.requests[-1].header("content-length") == str(5 * LIMIT)


@pytest.mark.parametrize("path", PATHS)
def test_a_websocket_may_last(alone: Alone, path: str):
    frame = b"y" * 10_000
    with socket.create_connection(("127.0.0.1", alone.envoy.port), 20) as connection:
        head = f"GET {path} HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        assert exchanged(connection, head.encode(), b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        for _ in range(3 * LIMIT // len(frame)):
            connection.sendall(frame)
            back = 0
            while back < len(frame):
                received = connection.recv(len(frame))
                assert received, "cut off"
                back += len(received)


@pytest.mark.parametrize("path", PATHS)
def test_a_request_that_envoy_refuses_is_an_error_in_the_dialect(alone: Alone, path: str):
    head, _, body = raw(alone, f"POST {path} HTTP/1.1\r\ncontent-length: 0\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    error = json.loads(body)["error"]
    assert (error["type"], error["message"]) == ("invalid_request_error", "The gateway refused the request: missing_host_header.")
    assert (json.loads(body).get("type") == "error") == (path == "/v1/messages")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("content-length: 3\r\ncontent-length: 5\r\n", 400),
        ("x-a: a\x00b\r\n", 400),
        ("transfer-encoding: bogus\r\n", 501),
        ("".join(f"x-{number}: 1\r\n" for number in range(250)), 431),
    ],
    ids=["two lengths", "a nul", "an unknown coding", "too many headers"],
)
def test_what_is_no_request_is_answered_all_the_same(alone: Alone, headers: str, status: int):
    assert raw(alone, f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\n{headers}\r\n").startswith(f"HTTP/1.1 {status} ".encode())


def raw(alone: Alone, request: str) -> bytes:
    """Send bytes and give all that comes until Envoy closes the connection."""
    with socket.create_connection(("127.0.0.1", alone.envoy.port), 20) as connection:
        return exchanged(connection, request.encode())


def exchanged(connection: socket.socket, data: bytes, end: bytes | None = None) -> bytes:
    connection.sendall(data)
    received = b""
    while (end is None or end not in received) and (more := connection.recv(65536)):
        received += more
    return received


def test_no_query_stands_in_the_log(alone: Alone):
    for path in (*PATHS, "/v1/files"):
        assert httpx.post(f"{alone.envoy.url}{path}?key=of-a-client", json={}).status_code == 200
        httpx.post(f"{alone.envoy.url}{path}?key=of-a-client", content=b"x" * 2 * LIMIT)
    raw(alone, "POST /v1/messages?key=of-a-client HTTP/1.1\r\n\r\n")
    assert "of-a-client" not in alone.envoy.output()


@pytest.mark.parametrize("role", ["draft", "verify"])
def test_our_own_calls_go_where_they_say(alone: Alone, role: str):
    sent = {"x-cascade-target": role, "x-api-key": "client-key", "cookie": "a=b", "accept-encoding": "gzip"}
    with alone.envoy.egress() as client:
        response = client.post("/v1/messages?x=1", json={}, headers=sent)
    assert (response.status_code, response.content) == (200, ANSWER)
    seen = getattr(alone, role).requests[-1]
    assert (seen.target, seen.header("accept-encoding")) == ("/v1/messages?x=1", "identity")
    expected = {"host", "accept", "user-agent", "content-length", "content-type", "accept-encoding", "x-api-key"}
    assert {name for name, _ in seen.headers} == expected | ({"cookie"} if role == "verify" else set())
    assert seen.header("x-api-key") == ("the-draft-key" if role == "draft" else "client-key")


def test_the_socket_for_our_own_calls_is_private_and_no_general_proxy(alone: Alone):
    assert alone.envoy.runtime.egress.stat().st_mode & 0o777 == 0o600
    with alone.envoy.egress() as client:
        assert client.post("/v1/files", json={}).status_code == 404
        assert client.get("/v1/messages").status_code == 404


def test_a_crowd_of_clients_does_not_shut_our_own_calls_out(tmp_path: Path):
    with (
        Background(Plain()) as provider,
        Envoy(tmp_path, models(provider.url, provider.url), limits={"max_connections": 2}) as envoy,
        ExitStack() as crowd,
    ):
        for _ in range(4):
            crowd.enter_context(socket.create_connection(("127.0.0.1", envoy.port)))
        until(lambda: envoy.stat(r"listener\..*\.downstream_global_cx_overflow"))
        with envoy.egress() as client:
            assert client.post("/v1/messages", json={}).status_code == 200
        assert httpx.get(f"{envoy.admin}/ready").status_code == 200


def test_a_draft_that_is_down_is_not_waited_for_and_verify_is_tried_for_ever(tmp_path: Path):
    draft, verify = free_ports(2)
    urls = (f"http://127.0.0.1:{port}" for port in (draft, verify))
    with Envoy(tmp_path, models(*urls)) as envoy, envoy.egress() as client:

        def ask(role: str) -> httpx.Response:
            return client.post("/v1/messages", json={}, headers={"x-cascade-target": role})

        for role in ("draft", "verify"):
            assert {ask(role).status_code for _ in range(6)} == {503}
        assert ask("draft").json()["error"]["message"] == "no healthy upstream"
        assert "connection failure" in ask("verify").json()["error"]["message"]
        with Background(Plain(port=verify)):
            assert ask("verify").status_code == 200
        with Background(Plain(port=draft)):
            until(lambda: ask("draft").status_code == 200)  # its time-out is over
