"""What a Chat Completions request asks of any answer. Whatever is odd in it counts as not asked for."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from extproc.core.answers import Demands, ToolSpec
from extproc.core.dialects.base import ANYTHING, INTEGER, OBJECT, RAWS, is_json_form, optional
from extproc.core.wire.splice import Fields

T = TypeVar("T")


class _Function(msgspec.Struct):
    name: str
    parameters: msgspec.Raw = msgspec.Raw(b"null")


class _Custom(msgspec.Struct):
    name: str


class _Tool(msgspec.Struct):
    function: _Function | None = None
    custom: _Custom | None = None


class _Schema(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw(b"null")


class _Form(msgspec.Struct):
    json_schema: _Schema | None = None


class _Options(msgspec.Struct):
    include_usage: bool | None = None


_TOOL = msgspec.json.Decoder(_Tool)
_FUNCTION = msgspec.json.Decoder(_Function)
_FORM = msgspec.json.Decoder(_Form)
_OPTIONS = msgspec.json.Decoder(_Options)
_FLAG = msgspec.json.Decoder(bool)
_STOP = msgspec.json.Decoder(str | list[str] | None)
_MUST = frozenset({"required", "any"})
"""`any` is Mistral's word for it."""


def demands(fields: Fields) -> Demands:
    """Read what an answer can be held against."""
    tools = [spec for tool in _each(fields, "tools", _TOOL) if (spec := _spec(tool))]
    tools += [_function(function) for function in _each(fields, "functions", _FUNCTION)]
    choice: Any = optional(fields, "tool_choice", ANYTHING) or optional(fields, "function_call", ANYTHING)
    mode, named, allowed = _chosen(choice)
    form = optional(fields, "response_format", _FORM)
    options = optional(fields, "stream_options", _OPTIONS)
    stop = optional(fields, "stop", _STOP)
    return Demands(
        tools=tuple([tool for tool in tools if allowed is None or tool.name in allowed]),
        must_call=mode in _MUST or bool(named),
        must_call_tool=named,
        may_call=mode != "none",
        parallel=optional(fields, "parallel_tool_calls", _FLAG) is not False,
        json=is_json_form(optional(fields, "response_format", OBJECT)),
        schema=_json(form.json_schema.schema) if form and form.json_schema else None,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        max_tokens=optional(fields, "max_completion_tokens", INTEGER) or optional(fields, "max_tokens", INTEGER),
        wants_usage=bool(options and options.include_usage),
    )


def _each(fields: Fields, name: str, decoder: msgspec.json.Decoder[T]) -> list[T]:
    """The elements of a list that can be read; an odd one does not hide the others."""
    found = [optional({name: raw}, name, decoder) for raw in optional(fields, name, RAWS) or ()]
    return [one for one in found if one is not None]


def _spec(tool: _Tool) -> ToolSpec | None:
    if tool.custom is not None:
        return ToolSpec(tool.custom.name, custom=True)
    return _function(tool.function) if tool.function else None


def _function(function: _Function) -> ToolSpec:
    return ToolSpec(function.name, _json(function.parameters))


def _json(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    return None if text == b"null" else text


def _chosen(choice: Any) -> tuple[str, str, frozenset[str] | None]:
    """How tools are to be chosen: the mode's word, the one tool that must be called, and the only ones that may be (None: all)."""
    if isinstance(choice, str):
        return choice, "", None
    if not isinstance(choice, dict):
        return "", "", None
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict) and isinstance(allowed.get("tools"), list):
        mode = allowed.get("mode")
        return mode if isinstance(mode, str) else "", "", frozenset([_name(tool) for tool in allowed["tools"]])
    return "", _name(choice), None


def _name(tool: Any) -> str:
    """The name in a tool or a choice of one: in an object of its own, or bare as the older `function_call` has it."""
    if not isinstance(tool, dict):
        return ""
    inner = tool.get("function") or tool.get("custom") or tool
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""
