"""What servers of Chat Completions refuse: OpenAI's, and those of open models that put messages into a template."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tests.support.strict.common import Json, arguments, identified, named, says, schema

_SYSTEM = frozenset({"system", "developer"})
_LONGEST_ID = 40


def refusals(request: Json, signed: Collection[str]) -> list[str]:
    """Why a request is refused."""
    messages = list(request["messages"])
    return [
        *_turns(messages),
        *_paired(messages),
        *[refused for message in messages for refused in _message(message)],
        *_tools(request),
        *_limits(request),
    ]


def thoughtless(request: Json) -> list[str]:
    """Calls without the thinking behind them; takes what there is of it, and the wish for it, out of the request."""
    refused = [] if request.pop("thinking", {"type": "enabled"}).get("type") in {"enabled", "disabled"} else ["thinking of another type"]
    for message in request["messages"]:
        thought = message.pop("reasoning_content", None)
        if message.get("tool_calls") and thought is None:
            refused.append("calls without reasoning_content")
    return refused


def _turns(messages: list[Json]) -> list[str]:
    if not messages:
        return ["no messages"]
    late = any(message["role"] in _SYSTEM for message in messages[1:])
    refused = ["a system message that is not the first"] if late else []
    return refused + (["prefill"] if messages[-1]["role"] == "assistant" else [])


def _paired(messages: list[Json]) -> list[str]:
    """The results of all calls stand directly behind them."""
    calls = [call["id"] for message in messages for call in message.get("tool_calls") or []]
    refused = identified(calls, _LONGEST_ID)
    due: list[Any] = []
    for message in [*messages, {"role": "end"}]:
        if message["role"] == "tool":
            if message["tool_call_id"] in due:
                due.remove(message["tool_call_id"])
            else:
                refused.append(f"a result without its call: {message['tool_call_id']}")
            continue
        if due:
            refused.append(f"no result behind the calls {due}")
        due = [call["id"] for call in message.get("tool_calls") or []]
    return refused


def _message(message: Json) -> Iterable[str]:
    content, calls = message.get("content"), message.get("tool_calls")
    if calls is not None and not calls:
        yield "tool_calls without any"
    for call in calls or []:
        said = call["function"] if call["type"] == "function" else call["custom"]
        yield from named("called", said["name"])
        if call["type"] == "function":
            yield from arguments(said["name"], said["arguments"])
    if not content:
        may_be_empty = message["role"] == "tool" or (message["role"] == "assistant" and calls)
        if not may_be_empty:
            yield f"a message of the {message['role']} without content"
    elif isinstance(content, str):
        if not says(content) and message["role"] != "tool":
            yield "an empty text"
    else:
        yield from ["an empty text" for part in content if part["type"] == "text" and not says(part["text"])]
        if message["role"] != "user" and any(part["type"] not in {"text", "refusal"} for part in content):
            yield f"more than text of the {message['role']}"


def _tools(request: Json) -> list[str]:
    tools, choice = request.get("tools"), request.get("tool_choice")
    if tools is None:
        return ["choices of tools without any"] if {"tool_choice", "parallel_tool_calls"} & request.keys() else []
    if not tools:
        return ["an empty list of tools"]
    refused: list[str] = []
    for tool in tools:
        said = tool[tool["type"]]
        refused += named("tool", said["name"])
        if tool["type"] == "function":
            refused += schema(said["name"], said.get("parameters", {"type": "object"}), strict=bool(said.get("strict")))
    names = [tool[tool["type"]]["name"] for tool in tools]
    if len(set(names)) != len(names):
        refused.append("a tool stands twice")
    if isinstance(choice, Mapping) and choice["type"] == "function" and choice["function"]["name"] not in names:
        refused.append(f"no such tool: {choice['function']['name']}")
    return refused


def _limits(request: Json) -> list[str]:
    refused: list[str] = []
    form = (request.get("response_format") or {}).get("json_schema") or {}
    if form:
        refused += named("form", form.get("name"))
        refused += schema("form", form.get("schema"), strict=True) if form.get("strict") else []
    stop = request.get("stop") or []
    if len(stop if isinstance(stop, list) else [stop]) > 4:
        refused.append("too many stop sequences")
    if "stream_options" in request and not request.get("stream"):
        refused.append("stream_options without a stream")
    if "max_tokens" in request and "max_completion_tokens" in request:
        refused.append("two limits")
    if len(request.get("user") or "") > 64:
        refused.append("user is too long")
    return refused
