"""Configurations of every kind that changes the bootstrap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import write_secrets

SECRET = "sk-never-to-be-seen"
ENVIRON = {"DRAFT_KEY": SECRET, "VERIFY_KEY": SECRET}
ALL: dict[str, Any] = {"openai_chat": {}, "openai_responses": {}}

INTERCEPT: dict[str, Any] = {"hosts": ["api.anthropic.com", "api.openai.com"], "certificates": "/etc/cascade/certificates"}


def variant(draft: dict[str, Any] | None = None, verify: dict[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
    """Give a small configuration with some keys changed: of the two models, and by keyword of the rest."""
    return {
        "version": 1,
        "models": {
            "draft": {"model": "small", "dialect": "anthropic", "base_url": "https://draft.example.com", **(draft or {})},
            "verify": {"dialect": "anthropic", "base_url": "https://verify.example.com", **(verify or {})},
        },
        **more,
    }


VARIANTS: dict[str, dict[str, Any]] = {
    "smallest": variant(),
    "plain http": variant({"base_url": "http://draft.example.com"}, {"base_url": "http://verify.example.com:8080"}),
    "ipv4": variant({"base_url": "http://127.0.0.1:8001"}, {"base_url": "https://192.0.2.7"}),
    "ipv6": variant({"base_url": "http://[::1]:8001"}, {"base_url": "https://[2001:db8::7]:8443"}),
    "key by variable": variant({"api_key_env": "DRAFT_KEY"}, {"api_key_env": "VERIFY_KEY"}),
    "key by file": variant({"api_key_file": "KEY_FILE"}),
    "forwarded key": variant({"api_key": "forward"}, {"api_key": "forward"}),
    "header of its own": variant({"api_key_env": "DRAFT_KEY", "api_key_header": "X-Goog-Api-Key"}),
    "all dialects": variant({"api_key_env": "DRAFT_KEY", "dialects": ALL}, {"dialects": ALL}),
    "draft lacks a dialect": variant({"dialect": "openai_chat"}, {"dialects": ALL}),
    "verify lacks a dialect": variant({"dialects": ALL}, {"dialect": "openai_responses"}),
    "nothing is translated": variant({"dialects": ALL, "translate": False}, {"translate": False}),
    "three dialects": variant({"dialect": "openai_chat"}, {"dialect": "openai_responses", "api_key_env": "VERIFY_KEY"}),
    "version in the root": variant({"base_url": "https://draft.example.com/v1"}, {"base_url": "https://verify.example.com/api/v1beta"}),
    "path in the root": variant({"base_url": "https://draft.example.com/anthropic"}, {"base_url": "https://verify.example.com/a/b/"}),
    "a key and a root for each dialect": variant(
        {
            "api_key_env": "DRAFT_KEY",
            "dialects": {"openai_chat": {"base_url": "https://other.example.com/v1", "model": "other", "api_key_env": "VERIFY_KEY"}},
        }
    ),
    "off": variant(mode="off"),
    "shadow": variant(mode="shadow"),
    "four workers": variant(workers=4),
    "traces": variant(telemetry={"otlp_endpoint": "http://jaeger:4317"}),
    "traces by tls": variant(telemetry={"otlp_endpoint": "https://collector.example.com:4317"}),
    "usage by older filters": variant({"dialects": ALL}, {"dialects": ALL}, telemetry={"usage_source": "to_metadata"}),
    "interception": variant(intercept=INTERCEPT),
    "interception of all that can be": variant(
        telemetry={"otlp_endpoint": "http://jaeger:4317"},
        identity={"jwt_payload_header": "x-jwt", "forwarded_certificate": True},
        intercept={**INTERCEPT, "listen": "[::]:15001", "plain_http": True},
    ),
    "origin": variant(origin={"base_url": "http://origin.example.com:81"}),
    "origin under a path": variant(origin={"base_url": "https://origin.example.com/deep/v1"}),
    "smallest bodies": variant(limits={"max_body_bytes": 1024, "max_connections": 1}),
    "largest bodies": variant(limits={"max_body_bytes": 268_435_456, "max_connections": 1_000_000}),
    "ipv6 doors": variant(listen="[::1]:10000", envoy_admin="[::1]:9901"),
    "odd times": variant(draft={"timeout_s": 0.25}, budget={"max_wall_s": 5000}),
}


def made(name: str, folder: Path) -> tuple[Config, RuntimeDir]:
    """Load a variant, with its secrets in place, as `up` does before it starts Envoy."""
    data = VARIANTS[name]
    if data["models"]["draft"].get("api_key_file"):
        key = folder / "key"
        key.write_text(SECRET)
        models = {**data["models"], "draft": {**data["models"]["draft"], "api_key_file": str(key)}}
        data = {**data, "models": models}
    config, runtime = Config.model_validate(data), RuntimeDir(folder / "run")
    runtime.root.mkdir()
    write_secrets(config, runtime, ENVIRON)
    return config, runtime
