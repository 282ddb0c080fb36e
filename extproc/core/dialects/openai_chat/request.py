"""OpenAI Chat Completions (https://platform.openai.com/docs/api-reference/chat): the request, read for decisions."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.dialects.base import (
    ANYTHING,
    INTEGER,
    OBJECT,
    STRING,
    STRINGS,
    TAIL,
    Item,
    asked,
    bounded,
    content_of,
    effort_of,
    is_json_form,
    looks_failed,
    optional,
    present,
    required,
    size_of,
    text_of,
    tools_of,
    view_of,
)
from extproc.core.vocabulary import View
from extproc.core.wire.splice import Fields


class _Part(msgspec.Struct, gc=False):
    type: str = ""
    text: msgspec.Raw = msgspec.Raw(b'""')


class _Message(msgspec.Struct, gc=False):
    role: str
    content: msgspec.Raw = msgspec.Raw(b"null")
    tool_calls: list[msgspec.Raw] | None = None
    function_call: msgspec.Raw = msgspec.Raw(b"null")
    tool_call_id: msgspec.Raw = msgspec.Raw(b"null")
    name: msgspec.Raw = msgspec.Raw(b"null")


class _Function(msgspec.Struct, gc=False):
    name: str | None = None


class _Tool(msgspec.Struct, gc=False):
    function: _Function | None = None


_RESULTS = frozenset({"tool", "function"})
_MESSAGES = msgspec.json.Decoder(list[_Message])
_PARTS = msgspec.json.Decoder(list[_Part])
_TOOLS = msgspec.json.Decoder(list[_Tool] | None)
_FUNCTIONS = msgspec.json.Decoder(list[_Function] | None)


def view(fields: Fields) -> View:
    """Read what the rules look at. UnreadableError where the messages are not what the dialect says."""
    messages = required(fields, "messages", _MESSAGES)
    tools = tools_of(fields, "tools", _TOOLS, _Tool())
    functions = tools_of(fields, "functions", _FUNCTIONS, _Function())
    choice: Any = optional(fields, "tool_choice", ANYTHING)
    names = [tool.function.name for tool in tools if tool.function] + [function.name for function in functions]
    return view_of(
        [_item(message) for message in messages[-TAIL:]],
        len(messages),
        size_of(fields, "messages"),
        system_text=_system(messages),
        # A search that the provider makes is a tool, too, though it does not stand among them.
        tools=len(tools) + len(functions) + present(fields, "web_search_options"),
        tool_names=tuple([name for name in names if name]),
        forced_tool=choice == "required" or isinstance(choice, dict),
        json_schema=is_json_form(optional(fields, "response_format", OBJECT)),
        effort=effort_of(optional(fields, "reasoning_effort", STRING)),
        max_output_tokens=optional(fields, "max_completion_tokens", INTEGER) or optional(fields, "max_tokens", INTEGER),
        stop_sequences=asked(fields, "stop"),
        several_answers=(optional(fields, "n", INTEGER) or 1) > 1 or "audio" in (optional(fields, "modalities", STRINGS) or ()),
    )


def question(fields: Fields) -> bytes:
    """Give what tells the newest question from others: the ids of the calls whose results it brings, or else what the user typed.

    What was typed says little alone ("go on"), so the conversation's first text and the number of answers before go with it. Ids
    are sorted: clients send results in the order in which the tools ended. UnreadableError as `view`.
    """
    messages = required(fields, "messages", _MESSAGES)
    answers = [at for at, message in enumerate(messages) if message.role == "assistant"]
    newest = messages[answers[-1] + 1 :] if answers else messages
    results = [message.tool_call_id if message.role == "tool" else message.name for message in newest if message.role in _RESULTS]
    if results:
        return b",".join(sorted(map(bytes, results)))
    users = [message for message in messages if message.role == "user"]
    return msgspec.json.encode((_typed(newest[-TAIL:]), _typed(users[:1]), len(answers)))


def _typed(messages: list[_Message]) -> str:
    """The newest text in some messages that the human wrote."""
    return view_of([_item(message) for message in messages], len(messages), 0).last_user_text


def _system(messages: list[_Message]) -> str:
    if not messages or messages[0].role not in {"system", "developer"}:
        return ""
    whole, parts = content_of(messages[0].content, _PARTS)
    return bounded("\n".join([text_of(raw) for raw in (*whole, *[part.text for part in parts])]))


def _item(message: _Message) -> Item:
    texts, parts = content_of(message.content, _PARTS)
    images = documents = 0
    if parts:
        texts = tuple([part.text for part in parts if part.type == "text"])
        kinds = [part.type for part in parts]
        images = kinds.count("image_url")
        documents = kinds.count("file") + kinds.count("input_audio")
    if message.role in _RESULTS:
        return Item(message.role, (), 1, int(bool(texts) and looks_failed(texts[0])), _calls(message), images, documents)
    return Item(message.role, texts, 0, 0, _calls(message), images, documents)


def _calls(message: _Message) -> int:
    return len(message.tool_calls or ()) + (bytes(message.function_call) != b"null")
