"""What Envoy makes of messages that could be read in two ways: refused, or written anew so that they cannot (RFC 9112, section 11.2)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived, StreamReset

from tests.envoy.conftest import models
from tests.envoy.smuggled import BODY, REFUSED, TAKEN, Case
from tests.support.background import Background
from tests.support.plain import Plain, Request
from tests.support.system import System

pytestmark = pytest.mark.envoy
CASES = {**REFUSED, **TAKEN}


@dataclass(frozen=True)
class Seen:
    """What came of the cases."""

    port: int
    provider: Plain
    statuses: dict[str, tuple[int, ...]]

    def passed(self, mark: str) -> list[Request]:
        """The requests at the provider that came of a case."""
        return [request for request in self.provider.requests if request.target.endswith(f"?{mark}")]


def _mark(name: str) -> str:
    return f"case{list(CASES).index(name)}."


def _send(port: int, name: str, case: Case) -> tuple[int, ...]:
    """Send a case, and read until all is answered and nothing follows, or Envoy closes."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        try:
            client.sendall(case.data.replace(b"CASE", _mark(name).encode()))
            while True:
                done = got.count(b"HTTP/1.1 ") >= len(case.statuses) > 0 and case.passed
                client.settimeout(0.5 if done else 20)
                if not (data := client.recv(65_536)):
                    break
                got += data
        except (TimeoutError, ConnectionError):
            pass
    return tuple(int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", got))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Send all cases at once: a refused one is closed only after a second."""
    with (
        Background(Plain()) as provider,
        System(tmp_path_factory.mktemp("system"), models(provider.url, provider.url), environ={"DRAFT_KEY": "k"}) as system,
        ThreadPoolExecutor(16) as pool,
    ):
        told = {name: pool.submit(_send, system.port, name, case) for name, case in CASES.items()}
        yield Seen(system.port, provider, {name: future.result() for name, future in told.items()})


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_is_refused(seen: Seen, name: str):
    assert seen.statuses[name] == REFUSED[name].statuses
    assert seen.passed(_mark(name)) == []


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_leaves_unambiguous(seen: Seen, name: str):
    assert seen.statuses[name] == TAKEN[name].statuses
    passed = seen.passed(_mark(name))
    assert [request.target.partition("?")[0] for request in passed] == ["/v1/messages"] * TAKEN[name].passed
    for request in passed:
        names = [header.lower() for header, _ in request.headers]
        assert (names.count("content-length"), names.count("host"), names.count("x-api-key")) == (1, 1, 1)
        assert {"transfer-encoding", "upgrade", "http2-settings", "trailer", "connection"} & set(names) == set()
        assert request.header("host") == f"127.0.0.1:{seen.provider.port}"
        assert request.header("x-api-key") == "k"


H2 = {
    "CR LF in a value": [(b"x-a", b"1\r\ntransfer-encoding: chunked")],
    "LF in a value": [(b"x-a", b"1\ncontent-length: 0")],
    "NUL in a value": [(b"x-a", b"1\x002")],
    "CR LF in a name": [(b"x-a: 1\r\nx-b", b"1")],
    "a colon in a name": [(b"x-a: b", b"1")],
    "capitals in a name": [(b"X-A", b"1")],
    "a coding": [(b"transfer-encoding", b"chunked")],
    "a connection": [(b"connection", b"x-a")],
    "a length that is too long": [(b"content-length", b"9999")],
    "a length that is too short": [(b"content-length", b"1")],
    "CR LF in the path": [(b":path", b"/v1/messages?h2 HTTP/1.1\r\nx-a: 1")],
    "a blank in the path": [(b":path", b"/v1/messages?h2 HTTP/1.1")],
    "two paths": [(b":path", b"/v1/messages?h2"), (b":path", b"/smuggled?h2")],
    "CR LF in the method": [(b":method", b"POST / HTTP/1.1\r\nx-a: 1\r\n\r\nGET")],
    "CR LF in the authority": [(b":authority", b"gateway\r\nx-a: 1")],
}
"""HTTP/2 carries bytes that would mean something else once written as HTTP/1.1."""


def _ask(port: int, more: list[tuple[bytes, bytes]]) -> str:
    """Send a request by HTTP/2 without the library's checks. Gives what Envoy did about it."""
    named = {name for name, _ in more}
    usual = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"gateway"), (b":path", b"/v1/messages?h2")]
    headers = [*[one for one in usual if one[0] not in named], *sorted(more, key=lambda one: not one[0].startswith(b":"))]
    config = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None)
    http = H2Connection(config)
    http.initiate_connection()
    http.send_headers(1, headers)
    http.send_data(1, BODY, end_stream=True)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(http.data_to_send())
        while data := client.recv(65_536):
            for event in http.receive_data(data):
                if isinstance(event, StreamReset | ConnectionTerminated):
                    return "refused"
                if isinstance(event, ResponseReceived):
                    return dict(event.headers)[b":status"].decode()
            client.sendall(http.data_to_send())
    return "refused"


@pytest.mark.parametrize("name", H2)
def test_http2_brings_nothing_in_that_http1_could_not(seen: Seen, name: str):
    before = len(seen.provider.requests)
    assert _ask(seen.port, H2[name]) in {"refused", "400"}
    assert len(seen.provider.requests) == before
    assert _ask(seen.port, []) == "200"
