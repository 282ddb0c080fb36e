"""A provider behind TLS is believed only with a certificate of a known authority, for its own name."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.plain import ANSWER, Plain
from tests.support.system import System

pytestmark = pytest.mark.envoy


@dataclass(frozen=True)
class Provider:
    """A provider with a certificate, and the authority that signed it."""

    server: Plain
    authority: Path


def certified(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    """Make an authority of our own and a certificate of it for one host."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2")
    openssl("req", *new_key, "-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=provider")
    (folder / "names").write_text(f"subjectAltName=DNS:{host}\n")
    openssl("x509", "-req", "-in", "host.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "names", "-out", "host.pem", "-days", "1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem", folder / "host.key")
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # which Envoy, as a client, does not speak unless it is told
    return folder / "ca.pem", context


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    authority, context = certified(tmp_path_factory.mktemp("right"), "localhost")
    with Background(Plain(tls=context)) as server:
        yield Provider(server, authority)


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    authority, context = certified(tmp_path_factory.mktemp("wrong"), "other.example.com")
    with Background(Plain(tls=context)) as server:
        yield Provider(server, authority)


def ask(folder: Path, draft: Provider, verify: Provider, authority: Path, *, tools: bool) -> httpx.Response:
    body = body_of("/v1/messages", "Hello!")
    if tools:
        body["tools"] = [{"name": "read", "input_schema": {"type": "object"}}]
    environ = {"DRAFT_KEY": "k", "SSL_CERT_FILE": str(authority)}
    with System(folder, models(draft.server.url, verify.server.url), environ=environ) as system:
        return httpx.post(f"{system.url}/v1/messages", json=body, timeout=30)


@pytest.mark.parametrize("tools", [False, True])
def test_a_provider_of_a_known_authority_is_called(provider: Provider, tmp_path: Path, tools: bool):
    response = ask(tmp_path, provider, provider, provider.authority, tools=tools)
    assert (response.status_code, response.content) == (200, ANSWER)
    assert response.headers["x-cascade-outcome"] == ("DIRECT" if tools else "SKIPPED")


def test_an_unknown_authority_is_refused(provider: Provider, impostor: Provider, tmp_path: Path):
    before = len(provider.server.requests)
    response = ask(tmp_path, provider, provider, impostor.authority, tools=True)
    assert (response.status_code, response.json()["type"]) == (503, "error")
    assert len(provider.server.requests) == before


def test_a_draft_with_another_hosts_certificate_is_refused_and_verify_answers(provider: Provider, impostor: Provider, tmp_path: Path):
    both = tmp_path / "both.pem"
    both.write_text(provider.authority.read_text() + impostor.authority.read_text())
    response = ask(tmp_path, impostor, provider, both, tools=False)
    assert (response.status_code, response.content) == (200, ANSWER)
    assert response.headers["x-cascade-outcome"] == "RESCUED"
    assert impostor.server.requests == []
