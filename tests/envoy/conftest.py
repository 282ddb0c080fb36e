"""One running system for a whole file of tests: `extproc up` in front of two simulated providers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.support.background import Background
from tests.support.system import System

DIALECTS = ("openai_chat", "openai_responses")
PRICES = {"input": 5.50, "output": 27.50, "cached_input": 0.55, "cache_write": 6.88}


def models(draft: str, verify: str, **draft_more: Any) -> dict[str, Any]:
    """Configure two providers that speak all dialects, with a key for the draft."""
    others: dict[str, Any] = {name: {} for name in DIALECTS}
    return {
        "draft": {
            "model": "draft-small",
            "dialect": "anthropic",
            "base_url": draft,
            "api_key_env": "DRAFT_KEY",
            "dialects": others,
            "price_usd_per_mtok": {"input": 1.0, "output": 2.0},
            **draft_more,
        },
        "verify": {"dialect": "anthropic", "base_url": verify, "dialects": others, "price_usd_per_mtok": PRICES},
    }


@dataclass(frozen=True)
class Cascade:
    """A running system and its two providers."""

    system: System
    draft: Simulator
    verify: Simulator
    client: httpx.Client

    def ask(self, text: str, *, stream: bool = False, path: str = "/v1/messages", headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a chat message in the dialect of the path."""
        return self.client.post(path, json=body_of(path, text, stream=stream), headers={"x-api-key": "client-key", **(headers or {})})


def body_of(path: str, text: str, *, stream: bool = False, model: str = "claude-opus-4-8") -> dict[str, Any]:
    """Give a small request in the dialect of a path."""
    if path == "/v1/responses":
        return {"model": model, "input": text, "stream": stream}
    return {"model": model, "max_tokens": 256, "messages": [{"role": "user", "content": text}], "stream": stream}


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    """Start it; the draft provider fails as the header `x-simulate` of a request says, the verify provider never does.

    The verify provider takes its time like a real one. One that answers within a fraction of a millisecond is sometimes faster
    than the end of the processor's stream, and Envoy still tells the processor of the answer: a harmless third message.
    """
    folder: Path = tmp_path_factory.mktemp("system")
    with (
        Background(Simulator(Profile(name="draft", steerable=True, api_key="the-draft-key"))) as draft,
        Background(Simulator(Profile(name="verify", headers_s=0.02))) as verify,
        System(
            folder,
            models(draft.url, verify.url),
            environ={"DRAFT_KEY": "the-draft-key"},
            draft={"timeout_s": 1.0},
            router={"refusal_memory_s": 1.0},
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Cascade(system, draft, verify, client)
