"""Which keys of a changed configuration wait for a restart, and which do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extproc.app.restart import restart_keys
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import untyped

BASE: dict[str, Any] = {
    "version": 1,
    "models": {
        "draft": {"model": "small", "dialect": "anthropic", "base_url": "https://draft.example.com", "api_key_env": "DRAFT_KEY"},
        "verify": {"dialect": "anthropic", "base_url": "https://verify.example.com"},
    },
    "policies": [{"name": "red", "match": {"headers": {"x-team": "red"}}, "set": {"plan": "draft"}}],
}


def merged(base: Any, more: Any) -> Any:
    if isinstance(base, dict) and isinstance(more, dict):
        return {key: merged(base.get(key), more.get(key, base.get(key))) for key in {**base, **more}}
    return more


def keys(more: dict[str, Any], before: dict[str, Any] | None = None) -> set[str]:
    """Name the keys that a change needs a restart for."""
    runtime = RuntimeDir(Path("/run"))
    running = Config.model_validate(merged(BASE, before or {}))
    wanted = Config.model_validate(merged(BASE, more))
    return {".".join(path) for path in restart_keys(running, wanted, lambda config: untyped(config, runtime, environ={}))}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"router": {"skip_below": 0.1, "rules": {"greeting": 0.5, "own": {"weight": 0.2, "words": ["x"]}}}},
        {"models": {"draft": {"model": "other", "price_usd_per_mtok": {"input": 1, "output": 2}, "lacks": ["images"], "api_key_env": "B"}}},
        {"models": {"verify": {"model": "other", "earlier_thoughts": "never"}}},
        {"verify": {"timeout_s": 9, "instruction": "{draft} {accept_word}", "keepalive_s": 2}},
        {"budget": {"max_calls": 1, "max_cost_usd": 9, "max_wall_s": 600}},
        {"check": {"finished": False}, "draft": {"max_s": 50}, "shadow_sample": 1, "shadow_max_inflight": 9},
        {"mode": "shadow"},
        {"mode": "off"},
        {"policies": []},
        {"policies": [{"name": "blue", "set": {"client_override": True, "daily": {"usd": 1}, "budget": {"max_wall_s": 700}}}]},
        {"policies": [{"name": "a", "match": {}, "set": {"mode": "off"}}, {"name": "b", "set": {"models": {"draft": "x"}}}]},
        {"identity": {"key_salt": "other"}, "telemetry": {"debug_headers": True, "trace_url": "http://t/{trace_id}"}},
    ],
)
def test_what_takes_effect_at_once(more: dict[str, Any]):
    assert keys(more) == set()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"listen": "127.0.0.1:1"}, {"listen"}),
        ({"admin": "127.0.0.1:1", "workers": 3, "drain_s": 1}, {"admin", "workers", "drain_s"}),
        ({"models": {"draft": {"base_url": "https://other.example.com", "model": "other"}}}, {"models.draft.base_url"}),
        ({"models": {"draft": {"api_key_env": None}}}, {"models.draft.api_key_env"}),
        ({"models": {"draft": {"api_key_header": "x-key"}}}, {"models.draft.api_key_header"}),
        ({"models": {"verify": {"dialects": {"openai_chat": {}}}}}, {"models.verify.dialects.openai_chat"}),
        ({"origin": {"base_url": "https://o.example.com"}}, {"origin"}),
        ({"draft": {"timeout_s": 3}, "router": {"skip_below": 0.1}}, {"draft.timeout_s"}),
        ({"budget": {"max_wall_s": 5000}}, {"budget.max_wall_s"}),
        ({"limits": {"max_body_bytes": 5000}}, {"limits.max_body_bytes"}),
        ({"identity": {"forwarded_certificate": True}}, {"identity.forwarded_certificate"}),
        ({"telemetry": {"usage_source": "to_metadata", "capture_content": True}}, {"telemetry.usage_source"}),
        ({"telemetry": {"otlp_endpoint": "http://otel:4317"}}, {"telemetry.otlp_endpoint"}),
        (
            {"listen": "127.0.0.1:1", "router": {"skip_below": 0.0, "direct_above": 0.1}, "origin": {"base_url": "http://o"}},
            {"listen", "origin"},
        ),
        ({"decisions": {"max_rows": 100}, "state": "redis://r"}, {"decisions.max_rows", "state"}),
    ],
)
def test_what_waits_for_a_restart(more: dict[str, Any], expected: set[str]):
    assert keys(more) == expected


def test_an_envoy_that_hands_nothing_to_us_has_to_be_told():
    off = {"mode": "off", "policies": []}
    assert keys({"policies": []}, off) == {"mode"}
    assert keys({"mode": "off"}, off) == set()  # the policy that comes leaves its requests alone as well
    enforcing = {"mode": "off", "policies": [{"name": "red", "set": {"mode": "enforce"}}]}
    assert keys(enforcing, off) == {"policies"}
    assert keys(off, enforcing) == set()


def test_what_only_two_changes_together_do_names_both():
    """No single change can be made without the other, so each alone is no configuration."""
    assert keys({"models": {"draft": {"dialect": "openai_chat", "dialects": {"anthropic": {}}}}}) >= {"models.draft.dialect"}
