"""Tools of Chat Completions requests, read: functions, custom tools, the older form, and those that a provider runs."""

from __future__ import annotations

from extproc.core.conversation import Choice, Tool
from extproc.core.dialects.openai_chat.shapes import CUSTOM, LEGACY
from extproc.core.dialects.reading import Held, flag, inner, inners, is_text, json, text, there
from extproc.core.wire.splice import Fields

_IN_FUNCTION = frozenset({"name", "description", "parameters"})
_MODES = {"required": "required", "any": "required", "none": "none", "auto": "auto", "": "auto"}
"""`any` is Mistral's word."""


def offered(fields: Fields, held: Held) -> tuple[tuple[Tool, ...], Choice]:
    """Read the tools, and which of them are to be called."""
    tools: list[Tool] = []
    hosted = False
    for shape in inners(fields, "tools"):
        tool = _tool(shape, held)
        hosted = hosted or tool is None
        tools += [tool] if tool is not None else []
    tools += [_function(shape, held, legacy=True) for shape in inners(fields, "functions")]
    if hosted and not tools:
        held.add("tools[hosted] needed")
    return tuple(tools), _choice(fields, held)


def _tool(shape: Fields, held: Held) -> Tool | None:
    """Read a tool; None for one that the provider runs."""
    if there(shape, "function"):
        held.add("tools[function]")
        held.rest("tools[function].", shape, ("type", "function"))
        return _function(inner(shape, "function"), held, cached=there(shape, "cache_control"))
    if there(shape, "custom"):
        held.add("tools[custom]")
        return _custom(inner(shape, "custom"))
    held.add("tools[hosted]")
    return None


def _function(shape: Fields, held: Held, *, cached: bool = False, legacy: bool = False) -> Tool:
    held.rest("tools[function].", shape, _IN_FUNCTION)
    return Tool(
        text(shape, "name"),
        text(shape, "description"),
        json(shape.get("parameters")),
        strict=flag(shape, "strict"),
        cached=cached or there(shape, "cache_control"),
        raw=LEGACY if legacy else None,
    )


def _custom(shape: Fields) -> Tool:
    grammar = inner(inner(shape, "format"), "grammar")
    return Tool(
        text(shape, "name"),
        text(shape, "description"),
        custom=True,
        raw=CUSTOM,
        grammar=text(grammar, "definition"),
        syntax=text(grammar, "syntax"),
    )


def _choice(fields: Fields, held: Held) -> Choice:
    parallel = flag(fields, "parallel_tool_calls")
    if parallel is not None:
        held.add("parallel_tool_calls")
    key = "tool_choice" if there(fields, "tool_choice") else "function_call"
    if not there(fields, key):
        return Choice(parallel=parallel)
    if is_text(fields[key]):
        mode = _MODES.get(text(fields, key), "auto")
        if mode != "auto":
            held.add(f"{key}[{mode}]")
        return Choice(mode, parallel=parallel)
    shape = inner(fields, key)
    if there(shape, "allowed_tools"):
        held.add("tool_choice[allowed_tools]")
        allowed = inner(shape, "allowed_tools")
        mode = "required" if text(allowed, "mode") == "required" else "auto"
        return Choice(mode, allowed=tuple([_name(tool) for tool in inners(allowed, "tools")]), parallel=parallel)
    held.add(key if key == "function_call" else "tool_choice[function]")
    return Choice("named", _name(shape), parallel=parallel)


def _name(shape: Fields) -> str:
    """The name in a choice of a tool: in an object of its own, or bare as the older form has it."""
    return text(inner(shape, "function") or inner(shape, "custom") or shape, "name")
