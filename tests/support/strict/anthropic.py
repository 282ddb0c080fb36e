"""What the Messages API refuses, as its newest models have it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tests.support.strict.common import Json, identified, named, says, schema

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_LEAST_BUDGET = 1024
_MOST_MARKS = 4


def refusals(request: Json, signed: Collection[str]) -> list[str]:
    """Why a request is refused."""
    messages = [{**message, "content": _blocks(message["content"])} for message in request["messages"]]
    return [
        *_turns(messages),
        *_paired(messages),
        *[refused for message in messages for block in message["content"] for refused in _block(block, message["role"], signed)],
        *_tools(request, messages),
        *_limits(request, messages),
    ]


def _blocks(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _turns(messages: list[Json]) -> list[str]:
    if not messages:
        return ["no messages"]
    roles = [message["role"] for message in messages]
    refused = ["a role that is none"] if set(roles) - {"user", "assistant"} else []
    refused += ["the first message is not the user's"] if roles[0] != "user" else []
    refused += ["prefill"] if roles[-1] != "user" else []
    return refused + ["an empty message" for message in messages if not message["content"]]


def _ids(message: Json | None, kind: str, key: str) -> list[Any]:
    return [block[key] for block in message["content"] if block["type"] == kind] if message else []


def _paired(messages: list[Json]) -> list[str]:
    """The results of all calls stand at the beginning of the very next message."""
    refused = identified([one for message in messages for one in _ids(message, "tool_use", "id")], 64)
    for before, message in zip([None, *messages], messages, strict=False):
        calls, results = _ids(before, "tool_use", "id"), _ids(message, "tool_result", "tool_use_id")
        if sorted(calls) != sorted(results):
            refused.append(f"calls {calls}, results {results}")
        if any(block["type"] != "tool_result" for block in message["content"][: len(results)]):
            refused.append("results are not the first")
    if messages and _ids(messages[-1], "tool_use", "id"):
        refused.append("calls at the end")
    return refused


def _block(block: Json, role: str, signed: Collection[str]) -> Iterable[str]:
    kind = block["type"]
    if kind == "text" and not says(block["text"]):
        yield "an empty text"
    if kind in _THOUGHTS and block.get("signature" if kind == "thinking" else "data") not in signed:
        yield "thinking that another provider has signed"
    if kind != "text" and (role == "user") is (kind in _THOUGHTS | {"tool_use"}):
        yield f"{kind} of the {role}'s"
    if kind == "tool_use":
        yield from named("called", block["name"])
        if not isinstance(block["input"], Mapping):
            yield "an input that is no object"
    if kind == "image" and block["source"]["type"] == "base64" and block["source"]["media_type"] not in _IMAGES:
        yield f"an image of type {block['source']['media_type']}"
    if kind == "tool_result" and not isinstance(block.get("content", ""), str):
        for inner in block["content"]:
            yield from _block(inner, role, signed)


def _tools(request: Json, messages: list[Json]) -> list[str]:
    tools, choice = request.get("tools") or [], request.get("tool_choice")
    names = [tool["name"] for tool in tools]
    refused = [refused for tool in tools if "input_schema" in tool for refused in schema(tool["name"], tool["input_schema"])]
    refused += [refused for name in names for refused in named("tool", name)]
    if len(set(names)) != len(names):
        refused.append("a tool stands twice")
    if not tools and choice and choice["type"] != "none":
        refused.append("tool_choice without tools")
    if not tools and any(_ids(message, "tool_use", "id") for message in messages):
        refused.append("calls without tools")
    if choice and choice["type"] == "tool" and choice["name"] not in names:
        refused.append(f"no such tool: {choice['name']}")
    return refused


def _limits(request: Json, messages: list[Json]) -> list[str]:
    refused = [f"{key} of a newer model" for key in ("temperature", "top_p", "top_k") if key in request]
    thinking, choice = request.get("thinking") or {}, request.get("tool_choice") or {}
    if thinking.get("type") == "enabled" and not _LEAST_BUDGET <= thinking["budget_tokens"] < request["max_tokens"]:
        refused.append("a budget that does not fit")
    if thinking.get("type") in {"enabled", "adaptive"} and choice.get("type") in {"any", "tool"}:
        refused.append("a forced call with thinking")
    if request["max_tokens"] < 1:
        refused.append("max_tokens below 1")
    if not all(says(sequence) for sequence in request.get("stop_sequences") or []):
        refused.append("a stop sequence of white space")
    parts = [
        *_blocks(request.get("system") or []),
        *(request.get("tools") or []),
        *[one for message in messages for one in message["content"]],
    ]
    if len([part for part in parts if part.get("cache_control")]) > _MOST_MARKS:
        refused.append("too many cache marks")
    if any(not says(part["text"]) for part in _blocks(request.get("system") or [])):
        refused.append("an empty system text")
    return refused
