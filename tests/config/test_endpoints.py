from __future__ import annotations

from typing import Any

import pytest

from extproc.config.endpoints import Endpoint, Secret, Upstream, endpoints
from extproc.config.model import Config
from extproc.core.vocabulary import Dialect, Role


def called(draft: dict[str, Any] | None = None, verify: dict[str, Any] | None = None) -> dict[str, Endpoint]:
    models = {
        "draft": {"model": "small", "dialect": "anthropic", "base_url": "https://d.example.com", **(draft or {})},
        "verify": {"dialect": "anthropic", "base_url": "https://v.example.com", **(verify or {})},
    }
    return {endpoint.cluster: endpoint for endpoint in endpoints(Config.model_validate({"version": 1, "models": models}))}


@pytest.mark.parametrize(
    ("base_url", "host", "port", "tls", "authority", "path"),
    [
        ("https://api.example.com", "api.example.com", 443, True, "api.example.com", "/v1/messages"),
        ("https://api.example.com/v1", "api.example.com", 443, True, "api.example.com", "/v1/messages"),
        ("https://api.example.com/x/v1beta", "api.example.com", 443, True, "api.example.com", "/x/v1beta/messages"),
        ("https://api.example.com/anthropic", "api.example.com", 443, True, "api.example.com", "/anthropic/v1/messages"),
        ("https://api.example.com/vx", "api.example.com", 443, True, "api.example.com", "/vx/v1/messages"),
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, False, "127.0.0.1:8080", "/v1/messages"),
        ("http://[::1]", "::1", 80, False, "[::1]", "/v1/messages"),
        ("https://[::1]:8443/v2", "::1", 8443, True, "[::1]:8443", "/v2/messages"),
    ],
)
def test_a_url_taken_apart(base_url: str, host: str, port: int, tls: bool, authority: str, path: str) -> None:
    upstream = Upstream.of(base_url)
    assert (upstream.host, upstream.port, upstream.tls, upstream.authority) == (host, port, tls, authority)
    assert upstream.path("/v1/messages") == path


def test_only_a_whole_segment_is_a_version() -> None:
    assert Upstream.of("https://x/v1").path("/v1beta/y") == "/v1/v1beta/y"


def test_the_draft_comes_first_and_its_own_dialect_before_others() -> None:
    found = called(draft={"dialects": {"openai_chat": {}, "openai_responses": {}}}, verify={"dialects": {"openai_chat": {}}})
    assert list(found) == ["draft", "draft_openai_chat", "draft_openai_responses", "verify", "verify_openai_chat"]
    assert found["draft_openai_responses"].path == "/v1/responses"
    assert found["verify_openai_chat"].dialect is Dialect.OPENAI_CHAT
    assert found["verify_openai_chat"].role is Role.VERIFY


def test_a_further_dialect_takes_over_what_it_leaves_out() -> None:
    found = called(
        draft={
            "api_key_env": "A",
            "dialects": {
                "openai_chat": {},
                "openai_responses": {"base_url": "https://r.example.com/v2", "model": "other", "api_key_env": "B"},
            },
        }
    )
    assert found["draft_openai_chat"].upstream.host == "d.example.com"
    assert found["draft_openai_chat"].model == "small"
    assert found["draft_openai_chat"].secret == Secret("authorization", "A", None)
    assert found["draft_openai_responses"].path == "/v2/responses"
    assert found["draft_openai_responses"].model == "other"
    assert found["draft_openai_responses"].secret == Secret("authorization", "B", None)


def test_keep_leaves_the_clients_model() -> None:
    assert called()["verify"].model is None
    assert called(verify={"model": "big"})["verify"].model == "big"


@pytest.mark.parametrize(
    ("role", "credential", "forward", "secret"),
    [
        ("draft", {}, False, None),
        ("verify", {}, True, None),
        ("draft", {"api_key": "forward"}, True, None),
        ("verify", {"api_key": "forward"}, True, None),
        ("draft", {"api_key_env": "A"}, False, Secret("x-api-key", "A", None)),
        ("verify", {"api_key_file": "/k"}, False, Secret("x-api-key", None, "/k")),
        ("verify", {"api_key_env": "A", "api_key_header": "Authorization"}, False, Secret("authorization", "A", None)),
    ],
)
def test_whose_credential_goes_where(role: str, credential: dict[str, str], forward: bool, secret: Secret | None) -> None:
    endpoint = called(**{role: credential})[role]
    assert (endpoint.forward, endpoint.secret) == (forward, secret)


def test_authorization_carries_a_bearer() -> None:
    assert Secret("authorization", "A", None).prefix == "Bearer "
    assert Secret("x-api-key", "A", None).prefix == ""
