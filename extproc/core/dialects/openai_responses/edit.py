"""The few changes to a request; all other bytes leave as they came."""

from __future__ import annotations

import msgspec

from extproc.core.dialects.contract import Changes
from extproc.core.errors import UnreadableError
from extproc.core.wire import edit
from extproc.core.wire.splice import span


def changed(body: bytes, changes: Changes) -> bytes:
    """Give the request with another model or limit. Usage is told always, and what thinking costs is part of the limit."""
    values: dict[str, bytes] = {}
    if changes.model is not None:
        values["model"] = msgspec.json.encode(changes.model)
    if changes.max_tokens is not None:
        values["max_output_tokens"] = b"%d" % changes.max_tokens
    return edit.put(body, values) if values else body


def extended(body: bytes, said: str) -> bytes:
    """Give the request with one more user message at its end. UnreadableError where `input` is neither a text nor a list."""
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": said}]}
    new = msgspec.json.encode(message)
    text, fields = edit.parsed(body)
    if "input" not in fields:
        return edit.put(body, {"input": b"[%b]" % new})
    start, end = span(text, fields, "input")
    given = body[start:end]
    match given[:1]:
        case b"[":
            longer = edit.appended(given, new)
        case b'"':
            longer = b'[{"type":"message","role":"user","content":%b},%b]' % (given, new)
        case _:
            raise UnreadableError("unreadable_messages")
    return b"".join((body[:start], longer, body[end:]))
