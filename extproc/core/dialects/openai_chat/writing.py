"""Chat Completions requests, written: `Conversation` → body, with nothing in it that a server may refuse because it does not know it."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.conversation import Conversation, Form, Manner, Tool, fitted
from extproc.core.dialects.makers import is_reasoner, takes_parallel
from extproc.core.dialects.offering import description_of, named, schema_of, tools_of
from extproc.core.dialects.openai_chat.content import messages_of
from extproc.core.dialects.openai_chat.models import limit_key, wants_thoughts, way_of
from extproc.core.dialects.schemas import is_strict
from extproc.core.dialects.words import effort_of, short

_LONGEST_USER = 64
_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
"""Efforts in the words that every model knows that knows any."""
_MOST_STOPS = 4


def asked(conversation: Conversation, manner: Manner) -> bytes:
    """Write a request."""
    tools = [_tool(tool) for tool in tools_of(conversation)]
    choice = _choice(conversation) if tools else None
    fields: dict[str, Any] = {
        "model": manner.model,
        "messages": messages_of(conversation, wants_thoughts(manner)),
        "tools": tools or None,
        "tool_choice": choice,
        "parallel_tool_calls": False if tools and conversation.choice.parallel is False and takes_parallel(manner.model) else None,
        limit_key(manner): _limit(conversation, manner),
        "response_format": _form(conversation.form) if conversation.form else None,
        "user": short(conversation.user, _LONGEST_USER) or None,
        "stream": True if conversation.stream else None,
        # A stream's usage is of use to us in any case.
        "stream_options": {"include_usage": True} if conversation.stream else None,
        "seed": conversation.seed,
        **_thinking(conversation, manner, forced=choice is not None and choice != "none"),
        **({"verbosity": conversation.verbosity or None} if is_reasoner(manner.model) else _sampling(conversation)),
    }
    return msgspec.json.encode({key: value for key, value in fields.items() if value is not None})


def _sampling(conversation: Conversation) -> dict[str, Any]:
    return {
        "stop": list(conversation.stop[:_MOST_STOPS]) or None,  # more of them are held against the answer (`stopping`)
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "frequency_penalty": conversation.frequency_penalty,
        "presence_penalty": conversation.presence_penalty,
        "logit_bias": conversation.logit_bias or None,
    }


def _limit(conversation: Conversation, manner: Manner) -> int | None:
    return min([limit for limit in (conversation.max_tokens, manner.max_tokens) if limit is not None], default=None)


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": fitted(tool.name), "parameters": schema_of(tool)}
    if description := description_of(tool):
        function["description"] = description
    if tool.strict and not tool.custom and is_strict(function["parameters"]):
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(conversation: Conversation) -> Any:
    if name := named(conversation):
        return {"type": "function", "function": {"name": fitted(name)}}
    mode = conversation.choice.mode
    return mode if mode in {"none", "required"} else None


def _form(form: Form) -> dict[str, Any]:
    if form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": fitted(form.name or "answer"), "schema": form.schema}
    if form.description:
        schema["description"] = form.description
    if form.strict and is_strict(form.schema):
        schema["strict"] = True
    return {"type": "json_schema", "json_schema": schema}


def _thinking(conversation: Conversation, manner: Manner, *, forced: bool) -> dict[str, Any]:
    """Write how much is to be thought. DeepSeek refuses a choice that forces a call together with thinking."""
    told = conversation.thinking
    effort = effort_of(told.effort, told.budget)
    match way_of(manner):
        case "effort":
            word = "low" if told.on is False else _EFFORTS.get(effort)
            return {"reasoning_effort": word} if word else {}
        case "switch":
            off = forced or told.on is False or effort == "none"
            on = told.on is True or bool(effort)
            return {"thinking": {"type": "disabled" if off else "enabled"}} if off or on else {}
    return {}
