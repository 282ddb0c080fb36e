"""A conversation in no dialect → a request that any server of this API takes.

Nothing is to be kept (`store` is false): the answer goes out in another dialect, in which nobody can refer to it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.conversation import Conversation, Form, Manner, Thinking, Tool, fitted
from extproc.core.dialects.offering import named, schema_of
from extproc.core.dialects.openai_responses.inputs import items_of
from extproc.core.dialects.schemas import is_strict
from extproc.core.dialects.words import effort_of, short

Json = dict[str, Any]

_FEWEST = 16
"""The API refuses a limit below this number of tokens."""
_LONGEST = 64
"""Characters of a name, of a key, and of the name of an end user."""
_LONGEST_NOTE = 512
_TIERS = frozenset({"auto", "default", "flex", "priority"})
_ENCODER = msgspec.json.Encoder()


def asked(conversation: Conversation, manner: Manner) -> bytes:
    """Write a request."""
    instructions = "\n\n".join([text.text for text in conversation.system])
    request: Json = {"model": manner.model}
    if conversation.messages:
        request |= {"instructions": instructions} if instructions else {}
        request["input"] = items_of(conversation.messages)
    else:
        request["input"] = [{"type": "message", "role": "developer", "content": instructions}]
    if conversation.tools:
        request |= _tools(conversation)
    request |= _size(conversation, manner)
    request |= _form(conversation.form, conversation.verbosity)
    request |= _reasoning(conversation.thinking)
    request |= _exchange(conversation)
    return _ENCODER.encode(request)


def _tools(conversation: Conversation) -> Json:
    written: Json = {"tools": [_tool(tool) for tool in conversation.tools]}
    custom = {tool.name for tool in conversation.tools if tool.custom}
    choice = conversation.choice
    offered = {tool.name for tool in conversation.tools}
    if allowed := [name for name in choice.allowed if name in offered]:
        mode = "required" if choice.mode == "required" else "auto"
        written["tool_choice"] = {"type": "allowed_tools", "mode": mode, "tools": [_named(name, custom) for name in allowed]}
    elif name := named(conversation):
        written["tool_choice"] = _named(name, custom)
    elif choice.mode in {"none", "required"}:
        written["tool_choice"] = choice.mode
    if choice.parallel is not None:
        written["parallel_tool_calls"] = choice.parallel
    return written


def _named(name: str, custom: set[str]) -> Json:
    return {"type": "custom" if name in custom else "function", "name": fitted(name)}


def _tool(tool: Tool) -> Json:
    described = {"description": tool.description} if tool.description else {}
    if tool.custom:
        grammar = {"type": "grammar", "syntax": tool.syntax, "definition": tool.grammar}
        return {"type": "custom", "name": fitted(tool.name), **described, **({"format": grammar} if tool.grammar and tool.syntax else {})}
    schema = schema_of(tool)
    # Left out, strict is the default; and what is strict elsewhere may not be what is strict here.
    return {
        "type": "function",
        "name": fitted(tool.name),
        **described,
        "parameters": schema,
        "strict": bool(tool.strict) and is_strict(schema),
    }


def _size(conversation: Conversation, manner: Manner) -> Json:
    bounds = [bound for bound in (conversation.max_tokens, manner.max_tokens) if bound is not None]
    size: Json = {"max_output_tokens": max(_FEWEST, min(bounds))} if bounds else {}
    size |= {"temperature": conversation.temperature} if conversation.temperature is not None else {}
    return size | ({"top_p": conversation.top_p} if conversation.top_p is not None else {})


def _form(form: Form | None, verbosity: str) -> Json:
    text: Json = {"verbosity": verbosity} if verbosity in {"low", "medium", "high"} else {}
    if form is not None and form.schema is None:
        text["format"] = {"type": "json_object"}
    elif form is not None and form.schema is not None:
        strict = is_strict(form.schema) if form.strict is not False else False
        described = {"description": form.description} if form.description else {}
        text["format"] = {
            "type": "json_schema",
            "name": fitted(form.name or "answer"),
            **described,
            "schema": form.schema,
            "strict": strict,
        }
    return {"text": text} if text else {}


def _reasoning(thinking: Thinking) -> Json:
    """Say how much to think. Thinking that is switched off has no word that every model takes."""
    reasoning: Json = {}
    if thinking.on is not False and (effort := effort_of(thinking.effort, thinking.budget)):
        reasoning["effort"] = effort
    if thinking.summary in {"auto", "concise", "detailed"}:
        reasoning["summary"] = thinking.summary
    return {"reasoning": reasoning} if reasoning else {}


def _exchange(conversation: Conversation) -> Json:
    exchange: Json = {"stream": True} if conversation.stream else {}
    exchange["store"] = False
    if conversation.metadata:
        exchange["metadata"] = {
            key: value for key, value in conversation.metadata.items() if len(key) <= _LONGEST and len(value) <= _LONGEST_NOTE
        }
    if conversation.user:
        exchange["safety_identifier"] = short(conversation.user, _LONGEST)
    if conversation.cache_key:
        exchange["prompt_cache_key"] = short(conversation.cache_key, _LONGEST)
    if conversation.service_tier in _TIERS:
        exchange["service_tier"] = conversation.service_tier
    return exchange
