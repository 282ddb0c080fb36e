"""Path and bytes → an accepted request, or the reason why it cannot be read for certain."""

from __future__ import annotations

from contextlib import suppress

from extproc.core.dialects import DIALECTS
from extproc.core.dialects.base import STRING, lenient, stream_flag
from extproc.core.errors import UnreadableError
from extproc.core.vocabulary import PATHS, Dialect, Request
from extproc.core.wire.splice import Fields, folded, readable, span, top_level

_LARGE = 32_000
"""Bytes of a body that is worth being read in one go."""
_HISTORY = {Dialect.ANTHROPIC: "messages", Dialect.OPENAI_CHAT: "messages", Dialect.OPENAI_RESPONSES: "input"}
"""Where the conversation stands."""


def accept(path: str, content_encoding: str, body: bytes) -> Request:
    """Read one request; `path` may carry a query string.

    Raises:
        UnreadableError: with the rule that says why; the request is then left alone.
    """
    dialect = PATHS[path.partition("?")[0]]
    if content_encoding and content_encoding.strip().lower() not in {"", "identity"}:
        raise UnreadableError("encoded_body")
    if len(body) > _LARGE:
        with suppress(UnreadableError):
            return _request(dialect, body, *folded(body, _HISTORY[dialect], "model"))
    text = body
    try:
        fields = top_level(text)
    except UnreadableError:
        if not body or body.isspace():
            raise UnreadableError("empty_body") from None
        text = readable(body)
        fields = top_level(text)
    if "model" not in fields:
        raise UnreadableError("missing_model")
    return _request(dialect, body, fields, *span(text, fields, "model"))


def _request(dialect: Dialect, body: bytes, fields: Fields, start: int, end: int) -> Request:
    try:
        model = lenient(body[start:end], STRING)
    except UnreadableError:
        raise UnreadableError("unreadable_model") from None
    stream = stream_flag(fields)
    return Request(dialect, body, model, start, end, stream, DIALECTS[dialect].view(fields))
