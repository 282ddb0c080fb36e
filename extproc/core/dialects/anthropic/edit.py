"""Small changes to Messages requests; all other bytes stay as the client sent them. All raise UnreadableError as `wire.edit` does."""

from __future__ import annotations

import msgspec

from extproc.core.dialects.base import OBJECT, optional
from extproc.core.dialects.contract import Changes
from extproc.core.errors import UnreadableError
from extproc.core.wire.edit import appended, elements, put, replaced, without
from extproc.core.wire.splice import readable, span, top_level


class _Typed(msgspec.Struct):
    type: str = ""


_TYPED = msgspec.json.Decoder(_Typed)


def member(body: bytes, key: str) -> bytes:
    """Give the bytes of the value of a top-level key; empty where there is none."""
    text = readable(body)
    fields = top_level(text)
    if key not in fields:
        return b""
    start, end = span(text, fields, key)
    return body[start:end]


def changed(body: bytes, changes: Changes) -> bytes:
    """Give a request with other values. A stream always tells its usage, so `tell_usage` changes nothing."""
    values = {}
    if changes.model is not None:
        values["model"] = msgspec.json.encode(changes.model)
    if changes.max_tokens is not None:
        values["max_tokens"] = msgspec.json.encode(changes.max_tokens)
    if values:
        body = put(body, values)
    return unthinking(body) if changes.no_thinking and thinking_of(body) not in {"", "disabled"} else body


def thinking_of(body: bytes) -> str:
    """Give the type of thinking that is asked for; empty where none is."""
    kind = (optional(top_level(readable(body)), "thinking", OBJECT) or {}).get("type")
    return kind if isinstance(kind, str) else ""


def unthinking(body: bytes) -> bytes:
    """Give a request with its thinking disabled, and without the edits of its context that are refused then."""
    body = put(body, {"thinking": b'{"type":"disabled"}'})
    context = member(body, "context_management")
    edits = member(context, "edits") if context.startswith(b"{") else b""
    if not edits.startswith(b"["):
        return body
    kinds = [optional({"edit": msgspec.Raw(edits[start:end])}, "edit", _TYPED) for start, end in elements(edits)]
    refused = [at for at, kind in enumerate(kinds) if kind is not None and kind.type.startswith("clear_thinking")]
    if not refused:
        return body
    if len(refused) == len(kinds):
        return without(body, ["context_management"])
    return put(body, {"context_management": put(context, {"edits": replaced(edits, dict.fromkeys(refused))})})


def extended(body: bytes, said: str) -> bytes:
    """Give a request with one more message of the user's behind the last message."""
    message = msgspec.json.encode({"role": "user", "content": [{"type": "text", "text": said}]})
    messages = member(body, "messages")
    if not messages.startswith(b"["):
        raise UnreadableError("unreadable_messages")
    return put(body, {"messages": appended(messages, message)})
