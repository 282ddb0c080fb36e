"""A conversation in no dialect → a request that any server of this API takes.

Nothing is to be kept (`store` is false): the answer goes out in another dialect, in which nobody can refer to it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.conversation import Conversation, Form, Manner, Tool, fitted
from extproc.core.dialects.makers import is_reasoner, takes_parallel
from extproc.core.dialects.offering import description_of, named, schema_of, tools_of
from extproc.core.dialects.openai_responses.inputs import items_of
from extproc.core.dialects.openai_responses.models import thinks
from extproc.core.dialects.schemas import is_strict
from extproc.core.dialects.words import effort_of, short

Json = dict[str, Any]

_FEWEST = 16
"""The API refuses a limit below this number of tokens."""
_LONGEST = 64
"""Characters of a key, and of the name of an end user."""
_LONGEST_NOTE = 512
_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
"""Efforts in the words that every model knows that knows any."""
_BEGIN = "Begin."
"""Said where the client says nothing: there must be an input."""
_SUMMARIES = frozenset({"auto", "concise", "detailed"})
_VERBOSITIES = frozenset({"low", "medium", "high"})
_TIERS = frozenset({"auto", "default", "flex", "priority"})


def asked(conversation: Conversation, manner: Manner) -> bytes:
    """Write a request."""
    instructions = "\n\n".join([text.text for text in conversation.system])
    whole = is_reasoner(manner.model)  # OpenAI's newer models know all of the API
    fields: Json = {
        "model": manner.model,
        "instructions": instructions,
        "input": items_of(conversation.messages, free=whole) or _BEGIN,
        **_tools(conversation, manner, whole=whole),
        "max_output_tokens": _limit(conversation, manner),
        "temperature": None if whole else conversation.temperature,
        "top_p": None if whole else conversation.top_p,
        "text": _text(conversation, verbosity=whole),
        "reasoning": _reasoning(conversation) if thinks(manner) else None,
        "metadata": _notes(conversation),
        "safety_identifier": short(conversation.user, _LONGEST),
        "prompt_cache_key": short(conversation.cache_key, _LONGEST),
        "service_tier": conversation.service_tier if conversation.service_tier in _TIERS else None,
        "stream": conversation.stream or None,
        "store": False,
    }
    return msgspec.json.encode({key: value for key, value in fields.items() if value is not None and value not in ("", {})})


def _tools(conversation: Conversation, manner: Manner, *, whole: bool) -> Json:
    offered = conversation.tools if whole else tools_of(conversation)
    if not offered:
        return {}
    custom = {tool.name for tool in offered if tool.custom and whole}
    choice = conversation.choice
    allowed = [tool.name for tool in offered if whole and tool.name in choice.allowed]
    written: Any = choice.mode if choice.mode in {"none", "required"} else None
    if allowed:
        mode = "required" if choice.mode == "required" else "auto"
        written = {"type": "allowed_tools", "mode": mode, "tools": [_named(name, custom) for name in allowed]}
    elif name := named(conversation):
        written = _named(name, custom)
    return {
        "tools": [_custom(tool) if tool.name in custom else _function(tool) for tool in offered],
        "tool_choice": written,
        "parallel_tool_calls": False if choice.parallel is False and takes_parallel(manner.model) else None,
    }


def _named(name: str, custom: set[str]) -> Json:
    return {"type": "custom" if name in custom else "function", "name": fitted(name)}


def _custom(tool: Tool) -> Json:
    described = {"description": tool.description} if tool.description else {}
    grammar = {"type": "grammar", "syntax": tool.syntax, "definition": tool.grammar}
    return {"type": "custom", "name": fitted(tool.name), **described, **({"format": grammar} if tool.grammar and tool.syntax else {})}


def _function(tool: Tool) -> Json:
    described = {"description": description} if (description := description_of(tool)) else {}
    schema = schema_of(tool)
    # Left out, strict is the default; and what is strict elsewhere may not be what is strict here.
    strict = bool(tool.strict) and not tool.custom and is_strict(schema)
    return {"type": "function", "name": fitted(tool.name), **described, "parameters": schema, "strict": strict}


def _limit(conversation: Conversation, manner: Manner) -> int | None:
    bounds = [bound for bound in (conversation.max_tokens, manner.max_tokens) if bound is not None]
    return max(_FEWEST, min(bounds)) if bounds else None


def _text(conversation: Conversation, *, verbosity: bool) -> Json:
    text: Json = {"format": _form(conversation.form)} if conversation.form is not None else {}
    return {**text, "verbosity": conversation.verbosity} if verbosity and conversation.verbosity in _VERBOSITIES else text


def _form(form: Form) -> Json:
    if form.schema is None:
        return {"type": "json_object"}
    described = {"description": form.description} if form.description else {}
    strict = form.strict is not False and is_strict(form.schema)
    return {"type": "json_schema", "name": fitted(form.name or "answer"), **described, "schema": form.schema, "strict": strict}


def _reasoning(conversation: Conversation) -> Json:
    """Write how much is to be thought; to switch it off there is no word that every model takes."""
    told = conversation.thinking
    word = "low" if told.on is False else _EFFORTS.get(effort_of(told.effort, told.budget))
    shown = {"summary": told.summary} if told.summary in _SUMMARIES and told.on is not False else {}
    return {"effort": word, **shown} if word else shown


def _notes(conversation: Conversation) -> Json:
    notes = conversation.metadata or {}
    return {key: value for key, value in notes.items() if len(key) <= _LONGEST and len(value) <= _LONGEST_NOTE}
