"""Messages requests, read in full: body → `Conversation`."""

from __future__ import annotations

from extproc.core.conversation import Conversation, Form, Thinking
from extproc.core.dialects.anthropic.blocks import Blocks
from extproc.core.dialects.anthropic.features import FIELDS
from extproc.core.dialects.anthropic.plain import PLAIN
from extproc.core.dialects.anthropic.tools import offered
from extproc.core.dialects.reading import Held, each, flag, inner, is_odd, json, number, opened, text, texts, there, whole
from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import Fields

_PLAIN = frozenset(
    {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "stop_sequences",
        "thinking",
        "output_config",
        "metadata",
        "thread",
    }
)
"""What is looked into here; of all others it is only said that they are there."""


def conversation(body: bytes) -> Conversation:
    """Read a request. UnreadableError where it is not what the dialect says."""
    fields = opened(body)
    if "messages" not in fields:
        raise UnreadableError("unreadable_messages")
    found, held = each(fields, "messages", PLAIN), Held(FIELDS)
    held.rest("", fields, _PLAIN)
    blocks = Blocks(held)
    tools, choice = offered(fields, held)
    if there(fields, "system"):
        held.add("system")
    return Conversation(
        model=text(fields, "model"),
        system=blocks.texts(fields, "system", "system[]."),
        messages=blocks.messages(found),
        tools=tools,
        choice=choice,
        form=_form(fields),
        thinking=_thinking(fields, held),
        max_tokens=whole(fields, "max_tokens"),
        stop=_stop(fields, held),
        temperature=number(fields, "temperature"),
        top_p=number(fields, "top_p"),
        top_k=whole(fields, "top_k"),
        stream=flag(fields, "stream") is True,
        stream_usage=True,
        user=_user(fields, held),
        service_tier=text(fields, "service_tier"),
        held=held.told(),
    )


def _stop(fields: Fields, held: Held) -> tuple[str, ...]:
    stop = texts(fields, "stop_sequences")
    if stop:
        held.add("stop_sequences")
    if is_odd(stop):
        held.add("stop_sequences odd")
    return tuple(stop)


def _thinking(fields: Fields, held: Held) -> Thinking:
    shape, config = inner(fields, "thinking"), inner(fields, "output_config")
    held.rest("thinking.", shape, ("type", "budget_tokens"))
    held.rest("output_config.", config, ())
    kind = text(shape, "type")
    if kind:
        held.add("thinking")
    on = kind != "disabled" if kind else None
    # Unless it says otherwise, the client expects to see it.
    shown = on and text(shape, "display") != "omitted"
    return Thinking(on, whole(shape, "budget_tokens"), text(config, "effort"), "auto" if shown else "")


def _form(fields: Fields) -> Form | None:
    """The form of structured outputs: under `output_config`, in earlier betas as `output_format`."""
    shape = inner(inner(fields, "output_config"), "format") or inner(fields, "output_format")
    return Form(json(shape.get("schema"))) if text(shape, "type") == "json_schema" else None


def _user(fields: Fields, held: Held) -> str:
    metadata, thread = inner(fields, "metadata"), inner(fields, "thread")
    held.rest("metadata.", metadata, ())
    if thread:
        held.add(f"thread[{'create' if text(thread, 'type') == 'create' else 'continue'}]")
    return text(metadata, "user_id")
