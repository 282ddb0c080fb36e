"""Agents, reduced to what they keep: how each dialect's client asks, what it makes of an answer, and how it brings results.

Each keeps its history as the official SDK or the agent of that dialect does, including what they change on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from extproc.core.vocabulary import Dialect

Json = dict[str, Any]


class Offer(msgspec.Struct, frozen=True):
    """A tool that the agent has."""

    name: str
    description: str = ""
    parameters: Json = msgspec.field(default_factory=lambda: {"type": "object", "properties": {}})


class Outcome(msgspec.Struct, frozen=True):
    """What a tool gave for a call."""

    id: str
    text: str
    error: bool = False


class Client(Protocol):
    """One agent in one conversation."""

    def ask(self, words: str) -> None:
        """The human says something."""

    def request(self) -> bytes:
        """Give the next request."""

    def hear(self, body: bytes) -> list[str]:
        """Take an answer; give the ids of its calls."""

    def bring(self, outcomes: Sequence[Outcome]) -> None:
        """The tools have ended, in this order."""


class Messages:
    """As Claude Code: system in blocks, calls with their keys in another order, thinking always sent back."""

    def __init__(self, system: str, tools: Sequence[Offer]) -> None:
        mark = {"cache_control": {"type": "ephemeral"}}
        self._head: Json = {
            "model": "claude",
            "max_tokens": 32_000,
            "system": [{"type": "text", "text": system, **mark}],
            "thinking": {"type": "adaptive"},
            "stream": True,
            "tools": [{"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools],
        }
        self._history: list[Json] = []

    def ask(self, words: str) -> None:
        """Beside a reminder."""
        reminder = {"type": "text", "text": "<system-reminder>Be brief.</system-reminder>"}
        self._say([reminder, {"type": "text", "text": words}])

    def request(self) -> bytes:
        """The history in full."""
        return json.dumps({**self._head, "messages": self._history}).encode()

    def hear(self, body: bytes) -> list[str]:
        """Keep its blocks."""
        content: list[Json] = json.loads(body)["content"]
        for block in content:
            if block["type"] == "tool_use":
                block["input"] = dict(sorted(block["input"].items()))
        if content:
            self._history.append({"role": "assistant", "content": content})
        return [block["id"] for block in content if block["type"] == "tool_use"]

    def bring(self, outcomes: Sequence[Outcome]) -> None:
        """All in one message."""
        self._say(
            [
                {"type": "tool_result", "tool_use_id": one.id, "content": one.text, **({"is_error": True} if one.error else {})}
                for one in outcomes
            ]
        )

    def _say(self, content: list[Json]) -> None:
        if self._history and self._history[-1]["role"] == "user":
            self._history[-1]["content"] += content
        else:
            self._history.append({"role": "user", "content": content})


class Chat:
    """As the agents around the openai SDK: the message as it came, reasoning too; nothing marks an error."""

    def __init__(self, system: str, tools: Sequence[Offer]) -> None:
        self._head: Json = {
            "model": "gpt",
            "max_completion_tokens": 4_000,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if tools:
            self._head["tools"] = [
                {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
                for tool in tools
            ]
        self._history: list[Json] = [{"role": "system", "content": system}]

    def ask(self, words: str) -> None:
        """As a string."""
        self._history.append({"role": "user", "content": words})

    def request(self) -> bytes:
        """The history in full."""
        return json.dumps({**self._head, "messages": self._history}).encode()

    def hear(self, body: bytes) -> list[str]:
        """Keep the message."""
        message = json.loads(body)["choices"][0]["message"]
        kept = {key: value for key, value in message.items() if value is not None and key not in {"refusal", "annotations"}}
        self._history.append({"content": None, **kept})
        return [call["id"] for call in message.get("tool_calls") or []]

    def bring(self, outcomes: Sequence[Outcome]) -> None:
        """A message each."""
        self._history += [{"role": "tool", "tool_call_id": one.id, "content": one.text} for one in outcomes]


class Responses:
    """As Codex: nothing is kept by the provider, items come back with their ids, reasoning too. One tool stands in a group."""

    def __init__(self, system: str, tools: Sequence[Offer]) -> None:
        functions = [
            {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": False}
            for tool in tools
        ]
        grouped = {"type": "namespace", "name": "own", "description": "The agent's own.", "tools": functions[-1:]}
        patch = {"type": "custom", "name": "apply_patch", "description": "Applies a patch.", "format": {"type": "text"}}
        self._head: Json = {
            "model": "gpt",
            "instructions": system,
            "stream": True,
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "tools": [*functions[:-1], *([grouped] if functions else []), patch, {"type": "web_search"}],
        }
        self._history: list[Json] = []
        self._custom: set[str] = set()

    def ask(self, words: str) -> None:
        """Behind what the agent tells of its surroundings."""
        if not self._history:
            self._history.append({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Sandbox: none."}]})
        self._history.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]})

    def request(self) -> bytes:
        """The history in full."""
        return json.dumps({**self._head, "input": self._history}).encode()

    def hear(self, body: bytes) -> list[str]:
        """Keep the items."""
        items: list[Json] = json.loads(body)["output"]
        self._history += [{key: value for key, value in item.items() if key != "status"} for item in items]
        self._custom |= {item["call_id"] for item in items if item["type"] == "custom_tool_call"}
        return [item["call_id"] for item in items if "call_id" in item]

    def bring(self, outcomes: Sequence[Outcome]) -> None:
        """An item each."""
        for one in outcomes:
            kind = "custom_tool_call_output" if one.id in self._custom else "function_call_output"
            self._history.append({"type": kind, "call_id": one.id, "output": one.text})


CLIENTS: Mapping[Dialect, Callable[[str, Sequence[Offer]], Client]] = {
    Dialect.ANTHROPIC: Messages,
    Dialect.OPENAI_CHAT: Chat,
    Dialect.OPENAI_RESPONSES: Responses,
}
