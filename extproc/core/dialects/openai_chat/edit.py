"""Changes to a Chat Completions request. All bytes that need not change stay: the provider's prompt cache knows them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from extproc.core.dialects.base import lenient, present, stream_flag
from extproc.core.dialects.contract import Changes
from extproc.core.errors import UnreadableError
from extproc.core.wire.edit import appended, elements, parsed, put, replaced
from extproc.core.wire.splice import Fields, holds, span


class _Answer(msgspec.Struct, gc=False):
    tool_calls: list[msgspec.Raw] | None = None
    reasoning_content: Any = None


_MESSAGES = msgspec.json.Decoder(list[_Answer])


def changed(body: bytes, changes: Changes) -> bytes:
    """Give the request with other values. UnreadableError as `wire.edit.put`, or where `stream` is no flag.

    Thinking is never switched off: the dialect has no word for it that all of its providers know.
    """
    _, fields = parsed(body)
    values: dict[str, bytes] = {}
    if changes.model is not None:
        values["model"] = msgspec.json.encode(changes.model)
    if changes.max_tokens is not None:
        values |= dict.fromkeys(_limits(fields), b"%d" % changes.max_tokens)
    if changes.tell_usage and stream_flag(fields):
        with suppress(UnreadableError):  # options that cannot be read for certain stay as they are
            values["stream_options"] = _telling(bytes(fields.get("stream_options", b"")))
    return put(body, values) if values else body


def extended(body: bytes, said: str) -> bytes:
    """Give the request with one more user message at its end. UnreadableError where there is no list of messages."""
    text, fields = parsed(body)
    start, end = span(text, fields, "messages")
    if body[start : start + 1] != b"[":
        raise UnreadableError("unreadable_messages")
    message = msgspec.json.encode({"role": "user", "content": said})
    return b"".join((body[:start], appended(body[start:end], message), body[end:]))


def thoughtful(body: bytes) -> bytes:
    """Give the request with an empty thought in each answer that calls and has none, as DeepSeek refuses calls without.

    The same object where there is none to add. UnreadableError where there is no list of messages.
    """
    if not holds(body, b'"tool_calls"'):
        return body
    text, fields = parsed(body)
    start, end = span(text, fields, "messages")
    given = text[start:end]
    spans = elements(given)
    messages = lenient(given, _MESSAGES)
    bare = [at for at, message in enumerate(messages) if message.tool_calls and message.reasoning_content is None]
    if not bare:
        return body
    own = body[start:end]
    changes = {at: put(own[slice(*spans[at])], {"reasoning_content": b'""'}) for at in bare}
    return b"".join((body[:start], replaced(own, changes), body[end:]))


def _limits(fields: Fields) -> list[str]:
    """The keys of the limit: those that this client uses, since its model is known to take them.

    For a client that sets none it is the newer key. OpenAI's models since o1 refuse the older one with a 400, while most servers
    that do not know the newer one pass over it, and what is lost is only a limit.
    """
    return [key for key in ("max_completion_tokens", "max_tokens") if present(fields, key)] or ["max_completion_tokens"]


def _telling(options: bytes) -> bytes:
    """The stream's options, with usage among them; other options stay."""
    return put(options if options.startswith(b"{") else b"{}", {"include_usage": b"true"})
