"""A whole request → a conversation in no dialect."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from extproc.core.conversation import Conversation, Form, Text, Thinking
from extproc.core.dialects.openai_responses.features import FIELDS
from extproc.core.dialects.openai_responses.plain import PLAIN
from extproc.core.dialects.openai_responses.tools import Tools
from extproc.core.dialects.openai_responses.transcript import Transcript
from extproc.core.dialects.reading import (
    Held,
    each,
    flag,
    inner,
    inners,
    is_text,
    json,
    number,
    opened,
    strings,
    text,
    texts,
    whole,
)
from extproc.core.wire.splice import Fields

_NULL, _USER = msgspec.Raw(b"null"), msgspec.Raw(b'"user"')
_PLAIN = frozenset({"model", "input", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "include"})
"""Fields that are told by what stands in them."""
_NOTHING: Mapping[str, bytes] = {"truncation": b'"disabled"', "top_logprobs": b"0", "tool_choice": b'"auto"'}
"""Values that ask for nothing."""


def conversation(body: bytes) -> Conversation:
    """Read a request. UnreadableError where it is not what the dialect says."""
    fields, held = opened(body), Held(FIELDS)
    tools = Tools(held)
    tools.take(inners(fields, "tools"))
    transcript = Transcript(tools, held)
    if is_text(fields.get("input", _NULL)):
        transcript.take({"role": _USER, "content": fields["input"]})
    else:
        for item in each(fields, "input", PLAIN):
            transcript.take(item)
    transcript.conclude()
    held.rest("", {key: raw for key, raw in fields.items() if _NOTHING.get(key) != bytes(raw)}, _PLAIN)
    instructions = text(fields, "instructions")
    stream = flag(fields, "stream") is True
    return Conversation(
        model=text(fields, "model"),
        system=((Text(instructions),) if instructions else ()) + tuple(transcript.system),
        messages=tuple(transcript.messages),
        choice=tools.choice(fields),
        tools=tuple(tools.offered),
        form=_form(fields, held),
        thinking=_thinking(fields, held),
        max_tokens=whole(fields, "max_output_tokens"),
        temperature=number(fields, "temperature"),
        top_p=number(fields, "top_p"),
        verbosity=text(inner(fields, "text"), "verbosity"),
        stream=stream,
        stream_usage=stream,
        user=text(fields, "safety_identifier") or text(fields, "user"),
        metadata=strings(fields, "metadata"),
        cache_key=text(fields, "prompt_cache_key"),
        service_tier=text(fields, "service_tier"),
        held=held.told(),
    )


def _form(fields: Fields, held: Held) -> Form | None:
    shape = inner(fields, "text")
    held.rest("text.", shape, {"format"})
    form = inner(shape, "format")
    kind = text(form, "type")
    if kind in {"", "text"}:
        return None
    schema = json(form.get("schema"))
    if kind == "json_schema" and schema is not None:
        held.add("text.format[json_schema]")
        return Form(schema, text(form, "name"), text(form, "description"), flag(form, "strict"))
    held.add("text.format[json_object]" if kind == "json_object" else "text.format[other]")
    return Form() if kind == "json_object" else None


def _thinking(fields: Fields, held: Held) -> Thinking:
    shape = inner(fields, "reasoning")
    held.rest("reasoning.", shape, ())
    for one in texts(fields, "include"):
        held.add("include[logprobs]" if one.endswith("logprobs") else "include")
    return Thinking(effort=text(shape, "effort"), summary=text(shape, "summary") or text(shape, "generate_summary"))
