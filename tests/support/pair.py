"""A running system in front of two simulated providers that a request steers apart: `x-simulate-draft`, `x-simulate-verify`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from extproc.core.dialects import DIALECTS
from extproc.core.vocabulary import Dialect
from extproc.simulator import Profile, Simulator
from extproc.simulator.exchange import Exchange
from extproc.simulator.server import Script
from tests.support.background import Background
from tests.support.system import System

PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
DIALECT_OF = dict(zip(PATHS, ("anthropic", "openai_chat", "openai_responses"), strict=True))
HARD = "Explain why the sky is blue, and compare it with the colour of sunsets."
"""Words that ask for a cascade."""
EASY = "Hello!"
"""Words that a draft may answer."""
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
DRAFT_PRICE = {"input": 1.0, "output": 2.0}
VERIFY_PRICE = {"input": 5.50, "output": 27.50, "cached_input": 0.55, "cache_write": 6.88}
_COMMENT = re.compile(rb"\n\n: cascade outcome=(\S+) model=(\S+)(?: cost_usd=(\S+))?\n\n\Z")


def question(path: str, words: str = HARD, /, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """Give a small request in the dialect of a path, which tells its usage."""
    body: dict[str, Any] = {"model": "claude-opus-4-8", "stream": stream}
    if path == "/v1/responses":
        return {**body, "input": words, **more}
    if path == "/v1/messages":
        body["max_tokens"] = 1024
    elif stream:
        body["stream_options"] = {"include_usage": True}
    return {**body, "messages": [{"role": "user", "content": words}], **more}


def formed(path: str) -> dict[str, Any]:
    """Give the fields that ask for JSON by a schema: such a draft is checked, whatever its plan."""
    named = {"name": "answer", "schema": SCHEMA, "strict": True}
    return {
        "/v1/messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        "/v1/chat/completions": {"response_format": {"type": "json_schema", "json_schema": named}},
        "/v1/responses": {"text": {"format": {"type": "json_schema", **named}}},
    }[path]


def continuation(path: str, *, stream: bool = False, forced: bool = True) -> dict[str, Any]:
    """Give a request whose tool has just told its result. `forced`: another call is required, which the simulated models then make."""
    function = {"name": "get_weather", "description": "Tell the weather.", "parameters": WEATHER, "strict": False}
    arguments = json.dumps({"city": "Paris"})
    body: dict[str, Any] = {"model": "claude-opus-4-8", "stream": stream}
    if forced:
        body["tool_choice"] = {"type": "any"} if path == "/v1/messages" else "required"
    ask = {"role": "user", "content": "Paris, then Rome?"}
    if path == "/v1/responses":
        called = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": arguments}
        result = {"type": "function_call_output", "call_id": "call_1", "output": "18 degrees"}
        return {**body, "tools": [{"type": "function", **function}], "input": [ask, called, result]}
    if path == "/v1/chat/completions":
        called = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        answer = {"role": "assistant", "content": None, "tool_calls": [called]}
        result = {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees"}
        return {**body, "tools": [{"type": "function", "function": function}], "messages": [ask, answer, result]}
    tool = {"name": "get_weather", "description": "Tell the weather.", "input_schema": WEATHER}
    use = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
    answer = {"role": "assistant", "content": [use]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "18 degrees"}]}
    return {**body, "max_tokens": 1024, "tools": [tool], "messages": [ask, answer, result]}


def steering(draft: str = "", verify: str = "") -> dict[str, str]:
    """Give the headers that say how the two providers are to behave."""
    return {"x-simulate-draft": draft, "x-simulate-verify": verify}


@dataclass(frozen=True, slots=True)
class Call:
    """One model call of a record."""

    role: str
    model: str
    status: int
    error: str
    began_s: float
    first_s: float | None
    ended_s: float
    usage: dict[str, int] | None
    cost_usd: float | None
    dialect: str = ""
    finish: str = ""
    answer_model: str = ""


@dataclass(frozen=True)
class Pair:
    """The running system and its providers."""

    system: System
    draft: Simulator
    verify: Simulator
    client: httpx.Client

    def ask(
        self, path: str, body: dict[str, Any] | None = None, *, stream: bool = False, draft: str = "", verify: str = ""
    ) -> httpx.Response:
        """Send a request and read its answer; by default one that asks for a cascade."""
        headers = {"x-api-key": "client-key", **steering(draft, verify)}
        return self.client.post(path, json=body or question(path, stream=stream), headers=headers)

    def record(self, response: httpx.Response) -> dict[str, Any]:
        """Wait for the record of a request."""
        return self.system.record(response.headers["x-cascade-trace-id"])

    def metric(self, name: str, **labels: str) -> float:
        """Add up the samples of a metric that have these labels."""
        text = httpx.get(f"{self.system.admin}/metrics").text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line) and all(one in line for one in wanted)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def is_idle(self) -> bool:
        """Whether nothing is at work any more, neither here nor at the providers."""
        return self.metric("cascade_inflight") == self.draft.active == self.verify.active == 0


def calls_of(record: dict[str, Any]) -> list[Call]:
    """Read the calls of a record."""
    return [Call(*call) for call in record["calls"]]


def told(response: httpx.Response) -> tuple[str, str, str]:
    """Give outcome, model and cost as a client sees them: by headers, or by the comment behind a stream."""
    early = tuple(response.headers.get(f"x-cascade-{name}", "") for name in ("outcome", "model", "cost-usd"))
    found = _COMMENT.search(response.content)
    outcome, model, cost = [group.decode() for group in found.groups(b"")] if found else early
    assert early[0] in {"PENDING", outcome} or outcome == "FAILED"
    return outcome, model, cost


def said(response: httpx.Response) -> bytes:
    """Give a stream without our comments before and behind it; a whole body as it is."""
    content = response.content.removeprefix(b": cascade held\n\n")
    found = _COMMENT.search(content)
    return content[: found.start() + 2] if found else content


def without_signs(content: bytes) -> bytes:
    """Give a stream without the signs of life before its answer."""
    for sign in (DIALECTS[dialect].keepalive() for dialect in Dialect):
        while content.startswith(sign):
            content = content.removeprefix(sign)
    return content


def newest(provider: Simulator) -> Exchange:
    """Give the last request that a provider was sent."""
    return provider.requests[-1]


@contextmanager
def pair(
    folder: Path,
    *,
    speaking: tuple[str, str] | None = None,
    draft_more: dict[str, Any] | None = None,
    verify_more: dict[str, Any] | None = None,
    scripts: tuple[Script | None, Script | None] = (None, None),
    first_token_s: float = 0.0,
    **config: Any,
) -> Iterator[Pair]:
    """Start it. The configuration begins with a draft provider that is never given up for good, and quick signs of life.

    `speaking`: the one dialect that each provider speaks, draft and verify; without it both speak all. `draft_more`, `verify_more`:
    more keys of that model. `scripts`: what draft and verify answer in place of what a request steers. `first_token_s`: how long both
    think before.
    """
    draft_speaks, verify_speaks = [(Dialect(name),) for name in speaking] if speaking else [tuple(Dialect)] * 2
    with (
        Background(_simulator("draft", draft_speaks, scripts[0], first_token_s)) as draft,
        Background(_simulator("verify", verify_speaks, scripts[1], first_token_s)) as verify,
        System(
            folder,
            _models(draft.url, verify.url, speaking, draft_more or {}, verify_more or {}),
            **{"router": {"refusal_memory_s": 0.001}, **config},
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Pair(system, draft, verify, client)


def _simulator(name: str, dialects: tuple[Dialect, ...], script: Script | None, first_token_s: float) -> Simulator:
    steered = Profile(name=name, steerable=True, steer_header=f"x-simulate-{name}", dialects=dialects, first_token_s=first_token_s)
    return Simulator(steered, script=script)


def _models(
    draft: str, verify: str, speaking: tuple[str, str] | None, draft_more: dict[str, Any], verify_more: dict[str, Any]
) -> dict[str, Any]:
    others: dict[str, Any] = {"openai_chat": {}, "openai_responses": {}}
    spoken = [{"dialect": name} for name in speaking] if speaking else [{"dialect": "anthropic", "dialects": others}] * 2
    return {
        "draft": {"model": "draft-small", "base_url": draft, "price_usd_per_mtok": DRAFT_PRICE, **spoken[0], **draft_more},
        "verify": {"base_url": verify, "price_usd_per_mtok": VERIFY_PRICE, **spoken[1], **verify_more},
    }
