"""What the Responses API refuses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tests.support.strict.common import Json, arguments, identified, named, says, schema

_RESULT_OF = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_CALL_OF = {result: call for call, result in _RESULT_OF.items()}
_PREFIXES = {
    "message": "msg_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "reasoning": "rs_",
    "function_call_output": "fc",
    "custom_tool_call_output": "ctc",
}


def refusals(request: Json, signed: Collection[str]) -> list[str]:
    """Why a request is refused."""
    items = request.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if not items:
        return ["no input"]
    kept = request.get("store", True) is not False
    return [
        *_paired(items),
        *[refused for item in items for refused in _item(item, signed, kept=kept)],
        *_tools(request),
        *_limits(request),
    ]


def _paired(items: list[Json]) -> list[str]:
    """The results of all calls of an answer stand behind them, before anything else."""
    refused = identified([item.get("call_id") for item in items if item.get("type") in _RESULT_OF], 64)
    due: dict[Any, str] = {}
    given = False
    for item in items:
        kind = item.get("type", "message")
        if kind in _CALL_OF:
            given = True
            if due.pop(item.get("call_id"), None) != kind:
                refused.append(f"a result without its call: {item.get('call_id')}")
            continue
        if due and (given or kind not in {*_RESULT_OF, "reasoning"} | ({"message"} if item.get("role") == "assistant" else set())):
            refused.append(f"no result behind the calls {sorted(map(str, due))}")
            due = {}
        given = False
        if kind in _RESULT_OF:
            due[item.get("call_id")] = _RESULT_OF[kind]
    return [*refused, f"no result for {sorted(map(str, due))}"] if due else refused


def _item(item: Json, signed: Collection[str], *, kept: bool) -> list[str]:
    kind = item.get("type", "message")
    refused: list[str] = []
    if "id" in item and not str(item["id"]).startswith(_PREFIXES.get(kind, "")):
        refused.append(f"{kind} id {item['id']}")
    if kind == "reasoning":
        thought = item.get("encrypted_content")
        if thought and thought not in signed:
            refused.append("reasoning of another provider")
        if not thought and not kept:
            refused.append("reasoning that nobody has kept")
    if kind == "function_call":
        refused += arguments(item.get("name", ""), item.get("arguments"))
    if kind in _RESULT_OF:
        refused += named("called", item.get("name"))
    content = item.get("content") if kind == "message" else item.get("output") if kind in _CALL_OF else "-"
    return refused + _content(kind, content, may_be_empty=kind in _CALL_OF)


def _content(kind: str, content: Any, *, may_be_empty: bool) -> list[str]:
    if isinstance(content, str):
        return [] if may_be_empty or says(content) else [f"{kind} without text"]
    if not content:
        return [f"{kind} without parts"]
    return [f"{kind} with an empty text" for part in content if part["type"].endswith("_text") and not says(part["text"])]


def _tools(request: Json) -> list[str]:
    tools, choice = request.get("tools"), request.get("tool_choice")
    if not tools:
        return ["tool_choice without tools"] if choice not in {None, "auto", "none"} else []
    refused: list[str] = []
    for tool in tools:
        if tool["type"] in {"function", "custom"}:
            refused += named("tool", tool.get("name"))
        if tool["type"] == "function":
            refused += schema(tool["name"], tool.get("parameters"), strict=bool(tool.get("strict")))
    names = [(tool["type"], tool.get("name")) for tool in tools]
    if len(set(names)) != len(names):
        refused.append("a tool stands twice")
    if isinstance(choice, Mapping):
        chosen = choice["tools"] if choice["type"] == "allowed_tools" else [choice]
        refused += [f"no such tool: {one}" for one in chosen if (one["type"], one.get("name")) not in names]
    return refused


def _limits(request: Json) -> list[str]:
    refused: list[str] = []
    form = (request.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        refused += named("form", form.get("name"))
        refused += schema("form", form.get("schema"), strict=True) if form.get("strict") else []
    if (request.get("max_output_tokens") or 16) < 16:
        refused.append("max_output_tokens below 16")
    metadata = request.get("metadata") or {}
    if len(metadata) > 16 or any(len(key) > 64 or len(value) > 512 for key, value in metadata.items()):
        refused.append("metadata")
    for key in ("safety_identifier", "prompt_cache_key", "user"):
        if len(request.get(key) or "") > 64:
            refused.append(f"{key} is too long")
    return refused
