"""Messages requests, written: `Conversation` → body, of a form that the strictest of its providers takes.

Sampling parameters are never written: Claude refuses them from 4.7 on (https://docs.anthropic.com/en/api/messages).
"""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.conversation import DEFAULT_MAX_TOKENS, Conversation, Manner, Text, fitted
from extproc.core.dialects.anthropic.content import Marks, messages_of, system_of, tool
from extproc.core.dialects.anthropic.models import way_of
from extproc.core.dialects.anthropic.schema import fitting
from extproc.core.dialects.offering import description_of, named, schema_of, tools_of
from extproc.core.dialects.turns import called, last_called
from extproc.core.dialects.words import effort_of, short

_JSON = Text("Answer with one JSON object and nothing else: no words around it, and no code fence.")
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384}
_LEAST_BUDGET = 1024
_LONGEST_USER = 256
_EFFORTS = frozenset({"low", "medium", "high"})
"""Efforts that every model takes that takes any."""
_ANY_OBJECT = msgspec.Raw(b'{"type":"object"}')


def asked(conversation: Conversation, manner: Manner) -> bytes:
    """Write a request."""
    marks = Marks()
    limit = _limit(conversation, manner)
    tools = _tools(conversation, marks)
    choice = _choice(conversation) if tools else None
    system = conversation.system
    if conversation.form is not None and conversation.form.schema is None:
        system = (*system, _JSON)
    thinking, config = _thinking(conversation, manner, limit, forced=choice is not None and choice["type"] in {"any", "tool"})
    if conversation.form is not None and conversation.form.schema is not None:
        config["format"] = {"type": "json_schema", "schema": fitting(conversation.form.schema)}
    fields = {
        "model": manner.model,
        "max_tokens": limit,
        "tools": tools,
        "tool_choice": choice,
        "system": system_of(system, marks),
        "messages": messages_of(conversation.messages, marks),
        "thinking": thinking,
        "output_config": config,
        # One of white space alone is held against the answer instead (`stopping`).
        "stop_sequences": [one for one in conversation.stop if one.strip()],
        "metadata": {"user_id": short(conversation.user, _LONGEST_USER)} if conversation.user else None,
        "stream": conversation.stream,
    }
    marks.thin()
    return msgspec.json.encode({key: value for key, value in fields.items() if value})


def _limit(conversation: Conversation, manner: Manner) -> int:
    told = [limit for limit in (conversation.max_tokens, manner.max_tokens) if limit is not None]
    return min(told, default=DEFAULT_MAX_TOKENS)


def _tools(conversation: Conversation, marks: Marks) -> list[dict[str, Any]]:
    """Write the tools. Where none is offered any more, those that were called stay known, as some providers want it."""
    if not conversation.tools:
        return [tool(name, "", _ANY_OBJECT) for name in called(conversation.messages)]
    return [
        marks.put(tool(offered.name, description_of(offered), schema_of(offered)), cached=offered.cached)
        for offered in tools_of(conversation)
    ]


def _choice(conversation: Conversation) -> dict[str, Any] | None:
    choice = conversation.choice
    if choice.mode == "none" or not conversation.tools:
        return {"type": "none"}
    written: dict[str, Any] = {"type": "auto"}
    if name := named(conversation):
        written = {"type": "tool", "name": fitted(name)}
    elif choice.mode == "required":
        written = {"type": "any"}
    if choice.parallel is False:
        return {**written, "disable_parallel_tool_use": True}
    return written if written["type"] != "auto" else None


def _thinking(conversation: Conversation, manner: Manner, limit: int, *, forced: bool) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Write how much is to be thought: the value of `thinking`, and what belongs in `output_config`.

    A choice that forces a call is refused together with thinking. A budget is refused where an answer goes on that began without
    a thought, as it does here: earlier thoughts are left out.
    """
    told = conversation.thinking
    way = way_of(manner)
    if way == "never" or (told.on is None and not told.effort):
        return None, {}
    effort = effort_of(told.effort, told.budget)
    if told.on is False or told.effort == "none" or forced:
        return {"type": "disabled"}, {}
    if way == "adaptive":
        shown = {"display": "summarized"} if told.summary else {}
        return {"type": "adaptive", **shown}, {"effort": effort} if effort in _EFFORTS else {}
    budget = min(told.budget or _BUDGETS.get(effort, _BUDGETS["medium"]), limit // 2)
    if budget < _LEAST_BUDGET or last_called(conversation.messages):
        return {"type": "disabled"}, {}
    return {"type": "enabled", "budget_tokens": budget}, {}
