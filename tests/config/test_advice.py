from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.config.advice import advice, is_loopback
from extproc.config.model import Config

PRICE = "price_usd_per_mtok: {input: 1, output: 2}"


@pytest.fixture
def priced(minimal: str) -> str:
    return minimal.replace("    dialect:", f"    {PRICE}\n    dialect:")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.example.com", False),
    ],
)
def test_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_nothing_to_say_about_a_sound_configuration(loaded: Callable[..., Config], priced: str) -> None:
    assert advice(loaded(priced)) == ()


def test_dollars_that_nobody_can_count(loaded: Callable[..., Config], minimal: str) -> None:
    config = loaded(minimal + "state: s\npolicies: [{name: a, set: {daily: {usd: 1}}}]\n")
    assert "policies.0.set.daily.usd" in {warning.key for warning in advice(config)}


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("version: 1", "version: 1\nlisten: 0.0.0.0:10000", "2: listen"),
        ("version: 1", "version: 1\nlisten: '[::]:10000'", "2: listen"),
        ("version: 1", "version: 1\nadmin: 10.0.0.1:9464", "2: admin"),
        ("version: 1", "version: 1\nenvoy_admin: 0.0.0.0:9901", "2: envoy_admin"),
        ("version: 1", "version: 1\nrouter: {skip_below: 0.5, direct_above: 0.5}", "2: router.direct_above"),
        ("version: 1", "version: 1\nmode: shadow", "2: mode"),
        (
            "version: 1",
            "version: 1\ntelemetry: {capture_content: true, otlp_endpoint: 'http://jaeger:4317'}",
            "2: telemetry.capture_content",
        ),
        ("version: 1", "version: 1\npolicies: [{name: a, set: {plan: draft}}, {name: b, set: {}}]", "2: policies.1"),
        ("version: 1", "version: 1\npolicies: [{name: a, set: {daily: {usd: 1}}}]", "2: policies.0.set.daily"),
        ("version: 1", "version: 1\nstate: redis://r\nstate_password_env: A", "2: state"),
        ("https://draft.example.com", "http://draft.example.com", "7: models.draft.base_url"),
        ("https://verify.example.com", "http://verify.example.com", "12: models.verify.base_url"),
        (f"    {PRICE}\n", "", "3: models.draft"),
        ("api_key_env: DRAFT_KEY", "api_key: forward", "8: models.draft.api_key"),
    ],
)
def test_doubtful_settings(loaded: Callable[..., Config], priced: str, old: str, new: str, where: str) -> None:
    warnings = advice(loaded(priced.replace(old, new, 1)))
    assert [f"{warning.line}: {warning.key}" for warning in warnings] == [where]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://draft.example.com", "http://127.0.0.1:8080"),
        ("version: 1", "version: 1\nmode: shadow\nshadow_sample: 0.05"),
        ("https://draft.example.com\n    api_key_env: DRAFT_KEY", "http://vllm:8000"),
        ("version: 1", "version: 1\ntelemetry: {otlp_endpoint: 'http://jaeger:4317'}"),
        ("version: 1", "version: 1\ntelemetry: {capture_content: true, otlp_endpoint: 'https://traces.example.com'}"),
        ("api_key_env: DRAFT_KEY", "dialects: {openai_chat: {}}\n  # the same for verify"),
    ],
)
def test_settings_that_are_fine(loaded: Callable[..., Config], priced: str, old: str, new: str) -> None:
    text = priced.replace(old, new, 1)
    if "openai_chat" in new:
        text += "    dialects: {openai_chat: {}}\n"
    assert advice(loaded(text)) == ()


def test_an_admin_address_that_asks_for_a_token_is_no_worry(loaded: Callable[..., Config], priced: str) -> None:
    open_to_all = priced.replace("version: 1", "version: 1\nadmin: 10.0.0.1:9464")
    assert [warning.key for warning in advice(loaded(open_to_all))] == ["admin"]
    assert advice(loaded(open_to_all + "admin_token_env: TOKEN\n")) == ()
