"""Calls to providers by their own names become a cascade, for clients that know nothing of it but an authority."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.netns.world import World

pytestmark = pytest.mark.netns

EASY = "Hello!"
MIDDLING = "Explain why the sky is blue, and compare it with the colour of sunsets."
HARD = "Design a lock-free queue and prove it."


def told(world: World, what: str, *words: str) -> Any:
    """Run a client and read what it prints."""
    done = world.ask(sys.executable, "-m", "tests.netns.clients", what, *words)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def body(words: str) -> str:
    """A small request, as a command line takes it."""
    return json.dumps({"model": "claude-opus-4-8", "max_tokens": 64, "messages": [{"role": "user", "content": words}]})


def test_the_anthropic_sdk(world: World):
    said = told(world, "by_anthropic", EASY, MIDDLING, HARD)
    assert said["url"] == "https://api.anthropic.com"
    answers = said["answers"]
    assert [one["whole"] for one in answers] == [
        {"outcome": "SKIPPED", "model": "deepseek-chat"},
        {"outcome": "ACCEPTED", "model": "deepseek-chat"},
        {"outcome": "DIRECT", "model": "claude-opus-4-8"},
    ]
    assert [one["streamed"]["outcome"] for one in answers] == ["SKIPPED", "PENDING", "DIRECT"]
    assert all(one["streamed"]["text"] and one["streamed"]["stop"] == "end_turn" for one in answers)
    assert said["models"], "what is no LLM call reaches the provider, too"


def test_the_openai_sdk(world: World):
    said = told(world, "by_openai", EASY, MIDDLING, HARD)
    assert said["url"] == "https://api.openai.com/v1/"
    assert said["answers"] == [
        {"outcome": "SKIPPED", "model": "deepseek-chat"},
        {"outcome": "ACCEPTED", "model": "deepseek-chat"},
        {"outcome": "DIRECT", "model": "claude-opus-4-8"},
    ]


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_both_versions_of_http(world: World, http: str):
    code, text = world.curl("https://api.anthropic.com/v1/messages", http, "--json", body(EASY))
    assert code == 0, text
    assert text.startswith(f"HTTP/{'2' if http == '--http2' else '1.1'} 200")
    assert "x-cascade-outcome: SKIPPED" in text


@pytest.mark.parametrize(("host", "name"), [("api.anthropic.com", "anthropic"), ("api.openai.com", "openai")])
def test_what_is_no_llm_call_goes_to_the_host_that_was_named(world: World, host: str, name: str):
    code, text = world.curl(f"https://{host}/v1/models", "--http1.1")
    assert code == 0, text
    assert "x-cascade-outcome: BYPASSED" in text
    assert f"server: {name}" in text.lower()


def test_a_large_request_is_read_as_a_whole(world: World):
    words = world.folder / "large.json"
    words.write_text(body(HARD * 100_000))
    code, text = world.curl("https://api.anthropic.com/v1/messages", "--http1.1", "--data-binary", f"@{words}", "-H", "expect:")
    assert code == 0, text[-2000:]
    assert " 200 OK" in text
    assert "x-cascade-outcome: DIRECT" in text
    assert json.loads(text.partition("\n\n")[2])["usage"]["input_tokens"] > 100_000


@pytest.mark.parametrize("host", ["other.example.com", "127.0.0.1", "api.anthropic.com.example.com"])
def test_another_host_on_such_a_connection_is_told_that_it_is_misdirected(world: World, host: str):
    before = world.served("anthropic")
    code, text = world.curl("https://api.anthropic.com/v1/messages", "--http1.1", "--json", body(EASY), "-H", f"host: {host}")
    assert code == 0, text
    assert text.startswith("HTTP/1.1 421 ")
    assert world.served("anthropic") == before


def test_clients_steer_nothing_by_our_headers(world: World):
    steering = ("-H", "x-cascade-target: draft", "-H", "x-cascade-plan: draft", "-H", "x-envoy-original-path: /")
    code, text = world.curl("https://api.anthropic.com/v1/messages", "--http1.1", "--json", body(HARD), *steering)
    assert code == 0, text
    assert "x-cascade-outcome: DIRECT" in text


def test_a_client_that_does_not_trust_the_organisation_is_not_fooled(world: World):
    public = str(world.folder / "public/ca.crt")
    code, text = world.curl("https://api.anthropic.com/v1/models", "--cacert", public)
    assert (code, "certificate" in text) == (60, True)


def test_the_organisations_authority_cannot_speak_for_other_hosts(world: World):
    config = world.folder / "wider.yaml"
    wider = json.loads(world.config.read_text())
    wider["intercept"] |= {"hosts": ["api.anthropic.com", "other.example.com"], "certificates": "wider"}
    config.write_text(json.dumps(wider))
    files = ("--ca", str(world.folder / "ca.crt"), "--ca-key", str(world.folder / "ca.key"))
    done = world.run(world.client, sys.executable, "-m", "extproc", "certificates", "-c", str(config), *files)
    assert done.returncode == 1
    assert "other.example.com: what" in done.stderr
    assert "would not be believed: its certificate: permitted subtree violation" in done.stderr
