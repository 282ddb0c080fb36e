"""Tools of Messages requests, read: the client's own, those of Anthropic's form that the client runs, and the provider's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from extproc.core.conversation import Choice, Tool
from extproc.core.dialects.reading import Held, flag, inner, inners, json, text, there
from extproc.core.wire.splice import Fields

_CUSTOM = frozenset({"", "custom"})
_PLAIN = frozenset({"type", "name", "description", "input_schema"})
_TEXT = {"type": "string"}
_LINES = {"type": "array", "items": {"type": "integer"}, "description": "First and last line, from 1; -1: to the end."}


def _schema(required: Sequence[str], **properties: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"type": "object", "properties": properties, "required": required}))


def _commands(*commands: str) -> dict[str, Any]:
    return {"type": "string", "enum": commands}


_CLIENT = {
    "bash_": (
        "Run a command in a shell that keeps its state.",
        _schema([], command=_TEXT, restart={"type": "boolean", "description": "Begin a new shell."}),
    ),
    "text_editor_": (
        "View, create and edit files. `str_replace` needs `old_str` to stand in the file exactly once.",
        _schema(
            ["command", "path"],
            command=_commands("view", "create", "str_replace", "insert"),
            path=_TEXT,
            file_text=_TEXT,
            old_str=_TEXT,
            new_str=_TEXT,
            insert_line={"type": "integer"},
            insert_text=_TEXT,
            view_range=_LINES,
        ),
    ),
    "memory_": (
        "Keep notes between conversations, in files under /memories. Look there before you begin.",
        _schema(
            ["command"],
            command=_commands("view", "create", "str_replace", "insert", "delete", "rename"),
            path=_TEXT,
            file_text=_TEXT,
            old_str=_TEXT,
            new_str=_TEXT,
            insert_line={"type": "integer"},
            insert_text=_TEXT,
            view_range=_LINES,
            old_path=_TEXT,
            new_path=_TEXT,
        ),
    ),
}
"""Beginnings of the types of tools that the client runs and that Claude knows by heart → what to tell a model that does not."""
_SCREEN = ("computer_", "browser_")
"""These need a model that was trained for them."""


def offered(fields: Fields, held: Held) -> tuple[tuple[Tool, ...], Choice]:
    """Read the tools, and which of them are to be called."""
    tools: list[Tool] = []
    hosted: set[str] = set()
    for shape in inners(fields, "tools"):
        tool = _tool(shape, held)
        if tool is not None:
            tools.append(tool)
        else:
            hosted.add(text(shape, "name"))
    choice = _choice(inner(fields, "tool_choice"), held)
    if hosted and (choice.name in hosted or not tools):
        held.add("tools[hosted] needed")
    return tuple(tools), choice


def _tool(shape: Fields, held: Held) -> Tool | None:
    """Read a tool; None for one that the provider runs."""
    kind, name, cached = text(shape, "type"), text(shape, "name"), there(shape, "cache_control")
    if kind in _CUSTOM:
        held.add("tools[custom]")
        held.rest("tools[custom].", shape, _PLAIN)
        schema = json(shape.get("input_schema"))
        return Tool(name, text(shape, "description"), schema, strict=flag(shape, "strict"), cached=cached)
    for beginning, (description, schema) in _CLIENT.items():
        if kind.startswith(beginning):
            held.add("tools[client]")
            return Tool(name, description, schema, cached=cached)
    held.add("tools[screen]" if kind.startswith(_SCREEN) else "tools[hosted]")
    return None


def _choice(shape: Fields, held: Held) -> Choice:
    kind = text(shape, "type")
    mode = {"any": "required", "tool": "named", "none": "none"}.get(kind, "auto")
    if mode != "auto":
        held.add(f"tool_choice[{kind}]")
    disabled = flag(shape, "disable_parallel_tool_use")
    if disabled is not None:
        held.add("tool_choice.disable_parallel_tool_use")
    held.rest("tool_choice.", shape, ("type", "name", "disable_parallel_tool_use"))
    return Choice(mode, text(shape, "name") if mode == "named" else "", parallel=None if disabled is None else not disabled)
