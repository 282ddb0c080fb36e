"""Chat Completions requests, read in full: body → `Conversation`."""

from __future__ import annotations

import msgspec

from extproc.core.conversation import Conversation, Form, Thinking
from extproc.core.dialects.openai_chat.features import FIELDS
from extproc.core.dialects.openai_chat.plain import PLAIN
from extproc.core.dialects.openai_chat.talk import Talk
from extproc.core.dialects.openai_chat.tools import offered
from extproc.core.dialects.reading import (
    Held,
    anything,
    each,
    flag,
    inner,
    is_odd,
    json,
    number,
    opened,
    text,
    texts,
    value,
    whole,
)
from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import Fields

_PLAIN = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
        "response_format",
        "stop",
        "n",
        "modalities",
        "top_logprobs",
        "stream_options",
    }
)
"""What is looked into here; of all others it is only said that they are there."""
_BIAS: msgspec.json.Decoder[dict[str, float] | None] = msgspec.json.Decoder(dict[str, float] | None)


def conversation(body: bytes) -> Conversation:
    """Read a request. UnreadableError where it is not what the dialect says."""
    fields = opened(body)
    if "messages" not in fields:
        raise UnreadableError("unreadable_messages")
    found, held = each(fields, "messages", PLAIN), Held(FIELDS)
    held.rest("", fields, _PLAIN)
    talk = Talk(held)
    messages = talk.take(found)
    tools, choice = offered(fields, held)
    _see_kinds(fields, held)
    return Conversation(
        model=text(fields, "model"),
        system=tuple(talk.system),
        messages=messages,
        tools=tools,
        choice=choice,
        form=_form(fields, held),
        thinking=_thinking(fields),
        max_tokens=whole(fields, "max_completion_tokens") or whole(fields, "max_tokens"),
        stop=_stop(fields, held),
        temperature=number(fields, "temperature"),
        top_p=number(fields, "top_p"),
        top_k=whole(fields, "top_k"),
        seed=whole(fields, "seed"),
        frequency_penalty=number(fields, "frequency_penalty"),
        presence_penalty=number(fields, "presence_penalty"),
        logit_bias=value(fields, "logit_bias", _BIAS),
        verbosity=text(fields, "verbosity"),
        stream=flag(fields, "stream") is True,
        stream_usage=flag(_options(fields, held), "include_usage") is True,
        user=text(fields, "safety_identifier") or text(fields, "user"),
        metadata=_metadata(fields),
        cache_key=text(fields, "prompt_cache_key"),
        service_tier=text(fields, "service_tier"),
        held=held.told(),
    )


def _see_kinds(fields: Fields, held: Held) -> None:
    """List what says something only with some values."""
    if (whole(fields, "n") or 1) > 1:
        held.add("n")
    if any(kind != "text" for kind in texts(fields, "modalities")):
        held.add("modalities")


def _options(fields: Fields, held: Held) -> Fields:
    options = inner(fields, "stream_options")
    held.rest("stream_options.", options, ())
    return options


def _stop(fields: Fields, held: Held) -> tuple[str, ...]:
    stop = texts(fields, "stop")
    if stop:
        held.add("stop")
    if is_odd(stop):
        held.add("stop odd")
    return tuple(stop)


def _form(fields: Fields, held: Held) -> Form | None:
    shape = inner(fields, "response_format")
    kind = text(shape, "type")
    if kind in {"", "text"}:
        return None
    held.add(f"response_format[{kind if kind in {'json_object', 'json_schema'} else 'other'}]")
    if kind == "json_object":
        return Form()
    told = inner(shape, "json_schema")
    schema = json(told.get("schema"))
    return Form(schema, text(told, "name"), text(told, "description"), flag(told, "strict")) if kind == "json_schema" else None


def _metadata(fields: Fields) -> dict[str, str] | None:
    """Read the client's notes; other servers take more than texts there."""
    told = anything(fields, "metadata")
    return {name: said for name, said in told.items() if isinstance(said, str)} if isinstance(told, dict) else None


def _thinking(fields: Fields) -> Thinking:
    """Read the ways in which thinking is asked for: OpenAI's word, OpenRouter's object, DeepSeek's and Qwen's switches."""
    switch, routed = inner(fields, "thinking"), inner(fields, "reasoning")
    kind = text(switch, "type")
    effort = text(fields, "reasoning_effort") or text(routed, "effort")
    on: bool | None = kind != "disabled" if kind else flag(fields, "enable_thinking")
    if on is None:
        on = flag(routed, "enabled")
    if effort == "none" and on is None:
        on = False
    return Thinking(on, whole(switch, "budget_tokens") or whole(routed, "max_tokens"), effort)
