"""What the two dialects of OpenAI share: tools as they are offered and chosen, errors, the list of models. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Raw, Struct

from extproc.simulator.ask import Tool, chosen, read_json, size
from extproc.simulator.sse import encode

_ERROR_CODES = {404: "not_found", 413: "request_too_large", 429: "rate_limit_exceeded", 500: "server_error", 503: "service_unavailable"}
_CREATED_S = 1769817600

NULL = Raw(b"null")


class Content(Struct):
    """A part of a message."""

    type: str
    text: str = ""


class _Function(Struct):
    name: str = ""
    parameters: Raw = Raw(b"{}")


class _Tool(Struct):
    type: str
    name: str = ""
    parameters: Raw = Raw(b"{}")
    function: _Function | None = None


class _Choice(Struct):
    type: str
    name: str = ""
    function: _Function | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a request."""

    callable: tuple[Tool, ...]
    """The functions that may be called now."""
    offered: bool
    must_call: bool


def read_tools(tools: Raw, choice: Raw) -> Tools:
    """Read `tools` and `tool_choice`; a function lies in an object of its own in Chat Completions, bare in Responses."""
    offered: list[_Tool] = (read_json(tools, list[_Tool] | None, "tools") if size(tools) else None) or []
    functions = tuple(_tool(tool) for tool in offered if tool.type == "function")
    chose: str | _Choice | None = read_json(choice, str | _Choice | None, "tool_choice") if size(choice) else None
    if isinstance(chose, _Choice) and chose.type == "function":
        named = chose.function.name if chose.function else chose.name
        return Tools(chosen(functions, named), offered=True, must_call=True)
    return Tools(() if chose == "none" else functions, bool(offered), must_call=chose == "required")


def _tool(tool: _Tool) -> Tool:
    function = tool.function or _Function(tool.name, tool.parameters)
    return Tool(function.name, bytes(function.parameters))


def last_text(content: str | list[Content] | None) -> str | None:
    """The last text of a message; None where it has none."""
    if content is None or isinstance(content, str):
        return content
    texts = [part.text for part in content if part.type in {"text", "input_text"}]
    return texts[-1] if texts else None


def error(status: int, message: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error body, or the data of an error event."""
    kind = "invalid_request_error" if status < 500 and status != 429 else "requests" if status == 429 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code or _ERROR_CODES.get(status)}}


def models(names: Sequence[str]) -> bytes:
    """The list of models."""
    data = [{"id": name, "object": "model", "created": _CREATED_S, "owned_by": "simulator"} for name in names]
    return encode({"object": "list", "data": data})
