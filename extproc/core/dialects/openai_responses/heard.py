"""A whole request → a conversation in no dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from extproc.core.conversation import Conversation, Feature, Form, Text, Thinking
from extproc.core.dialects.base import ANYTHING, INTEGER, OBJECT, RAWS, STRING, STRINGS, lenient
from extproc.core.dialects.openai_responses.features import FIELDS
from extproc.core.dialects.openai_responses.tools import Tools, choice_of
from extproc.core.dialects.openai_responses.turns import Turns
from extproc.core.dialects.pairing import paired
from extproc.core.errors import UnreadableError
from extproc.core.wire.edit import parsed
from extproc.core.wire.splice import Fields

_NULL = msgspec.Raw(b"null")
_ITEMS = msgspec.json.Decoder(list[dict[str, Any]])
_NUMBER = msgspec.json.Decoder(float)
_BOOLEAN = msgspec.json.Decoder(bool)
_NOTES = msgspec.json.Decoder(dict[str, str])
_WITH_TOOLS = (b'"additional_tools"', b'"tool_search_output"')


class _Format(msgspec.Struct):
    type: str = "text"
    name: str = ""
    description: str | None = None
    schema: msgspec.Raw = _NULL
    strict: bool | None = None


class _Body(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Offer(msgspec.Struct):
    tools: msgspec.Raw = _NULL


_TEXT = msgspec.json.Decoder(_Body)
_OFFER = msgspec.json.Decoder(_Offer)


def conversation(body: bytes) -> Conversation:
    """Read a request. UnreadableError where it is not what the dialect says."""
    _, fields = parsed(body)
    return _Hearing(fields).conversation()


class _Hearing:
    """Reads one request, field by field."""

    def __init__(self, fields: Fields) -> None:
        self._fields = {key: raw for key, raw in fields.items() if bytes(memoryview(raw)[:4]) != b"null"}
        self._held: list[tuple[str, Feature]] = []
        self._told: dict[str, Any] = {}
        """Of the conversation, by the names that it has there."""
        self._tools = Tools()
        self._turns = Turns(self._tools)

    def conversation(self) -> Conversation:
        """Read all. Tools come first, since the input names them."""
        for key in sorted(self._fields, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST)):
            self._field(key, self._fields[key])
        self._turns.conclude()
        self._tools.conclude()
        parallel: bool | None = self._told.pop("parallel", None)
        choice, held = choice_of(self._told.pop("choice", None), parallel, self._tools)
        instructions = self._told.pop("instructions", "")
        return Conversation(
            model=self._told.pop("model", ""),
            system=((Text(instructions),) if instructions else ()) + tuple(self._turns.system),
            messages=paired(self._turns.messages),
            tools=tuple(self._tools.offered),
            choice=choice,
            held=tuple(dict.fromkeys([*self._held, *self._turns.held, *self._tools.held, *([held] if held else [])])),
            **self._told,
        )

    def _field(self, key: str, raw: msgspec.Raw) -> None:
        if key == "tools":
            self._tools.take(raw)
        elif key in _PLAIN:
            self._plain(key, raw)
        elif (read := self._READ.get(key)) is not None:
            read(self, raw)
        else:
            self._other(key, raw)

    def _input(self, raw: msgspec.Raw) -> None:
        if bytes(memoryview(raw)[:1]) == b'"':
            self._turns.take({"role": "user", "content": lenient(raw, STRING)})
            return
        items = lenient(raw, _ITEMS)
        text = bytes(raw)
        raws = lenient(raw, RAWS) if any(mark in text for mark in _WITH_TOOLS) else None
        for index, item in enumerate(items):
            if raws is not None and isinstance(item.get("tools"), list):
                item["tools"] = lenient(raws[index], _OFFER).tools
            self._turns.take(item)

    def _other(self, key: str, raw: msgspec.Raw) -> None:
        """A field that is told to nobody: what it is, is all that matters, unless it asks for nothing."""
        if lenient(raw, ANYTHING) not in _NOTHING.get(key, ()):
            self._hold(key)

    def _hold(self, key: str) -> None:
        self._held.append((key, FIELDS.get(key, Feature.UNKNOWN)))

    def _plain(self, key: str, raw: msgspec.Raw) -> None:
        """A field that means the same here and there."""
        name, decoder = _PLAIN[key]
        value = lenient(raw, decoder)
        if value != "":
            self._told[name] = value
            if key in FIELDS:
                self._hold(key)

    def _stream(self, raw: msgspec.Raw) -> None:
        if bytes(raw) not in {b"true", b"false"}:
            raise UnreadableError("unreadable_stream")
        if bytes(raw) == b"true":
            self._told["stream"] = self._told["stream_usage"] = True
            self._hold("stream")

    def _choice(self, raw: msgspec.Raw) -> None:
        self._told["choice"] = lenient(raw, ANYTHING)

    def _text(self, raw: msgspec.Raw) -> None:
        said = lenient(raw, _TEXT)
        if said.verbosity:
            self._told["verbosity"] = said.verbosity
            self._hold("text.verbosity")
        form = said.format
        if form is None or form.type == "text":
            return
        if form.type == "json_schema" and bytes(memoryview(form.schema)[:1]) == b"{":
            self._told["form"] = Form(form.schema, form.name, form.description or "", form.strict)
        elif form.type == "json_object":
            self._told["form"] = Form()
        self._hold(f"text.format[{form.type}]" if "form" in self._told else "text.format[other]")

    def _reasoning(self, raw: msgspec.Raw) -> None:
        said = lenient(raw, OBJECT)
        effort, summary = said.pop("effort", None), said.pop("summary", None) or said.pop("generate_summary", None)
        self._told["thinking"] = Thinking(effort=_word(effort), summary=_word(summary))
        told = {"effort": effort, "summary": summary, **said}
        for name, value in told.items():
            if value is not None:
                self._hold(f"reasoning.{name}")

    def _include(self, raw: msgspec.Raw) -> None:
        for one in lenient(raw, STRINGS):
            self._hold(f"include {one}" if one.endswith("logprobs") else "include")

    def _metadata(self, raw: msgspec.Raw) -> None:
        if notes := lenient(raw, _NOTES):
            self._told["metadata"] = notes
            self._hold("metadata")

    _READ: ClassVar[Mapping[str, Callable[[_Hearing, msgspec.Raw], None]]] = {
        "input": _input,
        "stream": _stream,
        "tool_choice": _choice,
        "text": _text,
        "reasoning": _reasoning,
        "include": _include,
        "metadata": _metadata,
    }


def _word(given: Any) -> str:
    return given if isinstance(given, str) else ""


_PLAIN: Mapping[str, tuple[str, msgspec.json.Decoder[Any]]] = {
    "model": ("model", STRING),
    "instructions": ("instructions", STRING),
    "prompt_cache_key": ("cache_key", STRING),
    "service_tier": ("service_tier", STRING),
    "max_output_tokens": ("max_tokens", INTEGER),
    "temperature": ("temperature", _NUMBER),
    "top_p": ("top_p", _NUMBER),
    "parallel_tool_calls": ("parallel", _BOOLEAN),
    "user": ("user", STRING),
    "safety_identifier": ("user", STRING),
}
_FIRST = ("tools", "input", "user")
"""Fields that are read before the others: tools, since the input names them, and an older name of `safety_identifier`."""
_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "background": (False,),
    "store": (False,),
    "truncation": ("disabled",),
    "top_logprobs": (0,),
    "stream_options": ({},),
    "context_management": ([],),
}
"""Values that ask for nothing."""
