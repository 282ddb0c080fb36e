"""Tools as they are offered where only functions with JSON arguments are known."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from extproc.core.conversation import Conversation, Tool, ToolCall, fitted
from extproc.core.dialects.crossing import INPUT
from extproc.core.dialects.reading import SHAPE, sound
from extproc.core.errors import UnreadableError
from extproc.core.wire.edit import put

_FREE = msgspec.Raw(msgspec.json.encode({"type": "object", "properties": {INPUT: {"type": "string"}}, "required": [INPUT]}))
_WANTED = {"type": b'"object"', "properties": b"{}"}
_NONE = msgspec.Raw(b'{"type":"object","properties":{}}')


def tools_of(conversation: Conversation) -> tuple[Tool, ...]:
    """Give the tools to offer: each name once, and only those that may be called, where the client allows but some."""
    allowed = conversation.choice.allowed
    first: dict[str, Tool] = {}
    for tool in conversation.tools:
        first.setdefault(fitted(tool.name), tool)
    chosen = [tool for tool in first.values() if tool.name in allowed]
    return tuple(chosen or first.values())


def named(conversation: Conversation) -> str:
    """Give the tool that must be called, where it is among those that are offered."""
    choice = conversation.choice
    return choice.name if choice.mode == "named" and any(tool.name == choice.name for tool in conversation.tools) else ""


def schema_of(tool: Tool) -> msgspec.Raw:
    """Give the schema of a tool's arguments: an object, as every provider wants it."""
    if tool.custom:
        return _FREE
    if tool.schema is None:
        return _NONE
    members = SHAPE.decode(tool.schema)
    missing = {key: value for key, value in _WANTED.items() if key not in members}
    if "$ref" in members or not missing:
        return tool.schema
    with suppress(UnreadableError):  # a key stands twice: which one counts is the provider's to say
        return msgspec.Raw(put(bytes(tool.schema), missing))
    return tool.schema


def description_of(tool: Tool) -> str:
    """Give what a tool is for; of a custom one with the grammar that its input follows."""
    if not tool.custom or not tool.grammar:
        return tool.description
    told = f"`{INPUT}` is free text that follows this {tool.syntax} grammar:".replace("  ", " ")
    return f"{tool.description}\n\n{told}\n{tool.grammar}".strip()


def free_arguments(given: str) -> msgspec.Raw:
    """Give the input of a custom tool's call as the arguments of the function in its place."""
    return msgspec.Raw(msgspec.json.encode({INPUT: given}))


def object_of(arguments: str) -> msgspec.Raw:
    """Give the arguments of a call as a JSON object; text that is none stands in one under `INVALID_JSON`, as Anthropic advises."""
    return msgspec.Raw(_object(arguments))


def arguments_of(call: ToolCall) -> str:
    """Give the text of the arguments of a call, a JSON object in any case."""
    return str(free_arguments(call.arguments), "utf-8") if call.custom else _object(call.arguments)


def _object(arguments: str) -> str:
    text = sound(arguments.encode()).decode() if "\\u" in arguments else arguments or "{}"
    try:
        SHAPE.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode({"INVALID_JSON": arguments}).decode()
    return text
