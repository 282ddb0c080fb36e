"""What a Messages request asks of any answer."""

from __future__ import annotations

import msgspec

from extproc.core.answers import Demands, ToolSpec
from extproc.core.dialects.base import INTEGER, RAWS, optional
from extproc.core.wire.splice import Fields

_NOTHING = msgspec.Raw(b"")


class _Tool(msgspec.Struct):
    name: str
    type: str | None = None
    input_schema: msgspec.Raw = _NOTHING


class _Choice(msgspec.Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool = False


class _Format(msgspec.Struct):
    type: str
    schema: msgspec.Raw = _NOTHING


class _Config(msgspec.Struct):
    format: _Format | None = None


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


_TOOL = msgspec.json.Decoder(_Tool)
_CHOICE = msgspec.json.Decoder(_Choice)
_CONFIG = msgspec.json.Decoder(_Config)
_FORMAT = msgspec.json.Decoder(_Format)
_THINKING = msgspec.json.Decoder(_Thinking)
_STRINGS = msgspec.json.Decoder(list[str] | None)
_AUTO = _Choice("auto")


def demands(fields: Fields) -> Demands:
    """Read what an answer can be held against. What is odd counts as not asked for."""
    choice = optional(fields, "tool_choice", _CHOICE) or _AUTO
    form = _form(fields)
    thinking = optional(fields, "thinking", _THINKING)
    return Demands(
        tools=_tools(fields),
        must_call=choice.type in {"any", "tool"},
        must_call_tool=choice.name if choice.type == "tool" else "",
        may_call=choice.type != "none",
        parallel=not choice.disable_parallel_tool_use,
        json=form is not None,
        schema=(bytes(form.schema) or None) if form is not None else None,
        stop=tuple(optional(fields, "stop_sequences", _STRINGS) or ()),
        max_tokens=optional(fields, "max_tokens", INTEGER),
        thinking_tokens=thinking.budget_tokens if thinking is not None and thinking.type == "enabled" else None,
    )


def _tools(fields: Fields) -> tuple[ToolSpec, ...]:
    """The tools that have a name. Only the client's own have a schema; those of another type are Anthropic's."""
    read = [optional({"tool": raw}, "tool", _TOOL) for raw in optional(fields, "tools", RAWS) or ()]
    return tuple([ToolSpec(tool.name, _schema(tool)) for tool in read if tool is not None])


def _schema(tool: _Tool) -> bytes | None:
    return (bytes(tool.input_schema) or None) if tool.type in {None, "custom"} else None


def _form(fields: Fields) -> _Format | None:
    """The form of structured outputs: under `output_config`, in earlier betas as `output_format`."""
    config = optional(fields, "output_config", _CONFIG)
    form = (config.format if config is not None else None) or optional(fields, "output_format", _FORMAT)
    return form if form is not None and form.type == "json_schema" else None
