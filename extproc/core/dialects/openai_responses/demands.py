"""What a request asks of any answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from extproc.core.answers import Demands, ToolSpec
from extproc.core.dialects.base import ANYTHING, INTEGER, RAWS, is_json_form, optional
from extproc.core.wire.splice import Fields

_NULL = msgspec.Raw(b"null")


class _Tool(msgspec.Struct):
    type: str = ""
    name: str | None = None
    parameters: msgspec.Raw = _NULL
    tools: msgspec.Raw = _NULL
    """Of a namespace, and of the input item that some agents hide their tools in."""


class _Format(msgspec.Struct):
    schema: msgspec.Raw = _NULL


class _Text(msgspec.Struct):
    format: _Format


_TOOL = msgspec.json.Decoder(_Tool)
_TEXT = msgspec.json.Decoder(_Text)
_CALLED = frozenset({"function", "custom"})


def demands(fields: Fields) -> Demands:
    """Read what any answer can be held against. What is odd counts as not asked for."""
    choice: Any = optional(fields, "tool_choice", ANYTHING)
    text: Any = optional(fields, "text", ANYTHING)
    parallel: Any = optional(fields, "parallel_tool_calls", ANYTHING)
    json = isinstance(text, dict) and is_json_form(text.get("format"))
    return Demands(
        tools=_allowed(tuple(_tools([*_listed(fields, "tools"), *_hidden(fields)])), choice),
        must_call=choice == "required" or _is(choice, _CALLED) or (_is(choice, {"allowed_tools"}) and choice.get("mode") == "required"),
        must_call_tool=_name(choice) if _is(choice, _CALLED) else "",
        may_call=choice != "none",
        parallel=parallel is not False,
        json=json,
        schema=_schema(fields) if json else None,
        max_tokens=optional(fields, "max_output_tokens", INTEGER),
        stateless=bytes(fields.get("store", b"")) == b"false",
    )


def _tools(tools: Iterable[_Tool]) -> Iterable[ToolSpec]:
    for tool in tools:
        match tool.type:
            case "function":
                yield ToolSpec(tool.name or "", _present(tool.parameters))
            case "custom":
                yield ToolSpec(tool.name or "", custom=True)
            case "namespace":
                yield from _tools(_listed({"tools": tool.tools}, "tools"))
            case _:
                yield ToolSpec(tool.name or tool.type)


def _hidden(fields: Fields) -> list[_Tool]:
    """The tools that stand in the input."""
    if b"additional_tools" not in bytes(fields.get("input", _NULL)):
        return []
    items = [item for item in _listed(fields, "input") if item.type == "additional_tools"]
    return [tool for item in items for tool in _listed({"tools": item.tools}, "tools")]


def _listed(fields: Fields, name: str) -> list[_Tool]:
    raws = optional(fields, name, RAWS) or []
    return [tool for raw in raws if (tool := optional({name: raw}, name, _TOOL)) is not None]


def _allowed(tools: tuple[ToolSpec, ...], choice: Any) -> tuple[ToolSpec, ...]:
    """Of the tools those that may be called, where the client allows only some."""
    allowed = choice.get("tools") if _is(choice, {"allowed_tools"}) else None
    if not isinstance(allowed, list):
        return tools
    names = {_name(one) or one.get("type") for one in allowed if isinstance(one, dict)}
    return tuple([tool for tool in tools if tool.name in names])


def _schema(fields: Fields) -> bytes | None:
    text = optional(fields, "text", _TEXT)
    return _present(text.format.schema) if text else None


def _present(raw: msgspec.Raw) -> bytes | None:
    value = bytes(raw)
    return None if value == b"null" else value


def _is(choice: Any, kinds: Iterable[str]) -> bool:
    return isinstance(choice, dict) and isinstance(kind := choice.get("type"), str) and kind in kinds


def _name(choice: dict[str, Any]) -> str:
    name = choice.get("name")
    return name if isinstance(name, str) else ""
