"""Requests against the types of the official SDKs. These are hints for clients, so every field must be one that they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming, ResponseCreateParamsStreaming
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from extproc.core.vocabulary import Dialect
from tests.support.strict.common import Json

_TYPES: Mapping[tuple[Dialect, bool], Any] = {
    (Dialect.ANTHROPIC, False): MessageCreateParamsNonStreaming,
    (Dialect.ANTHROPIC, True): MessageCreateParamsStreaming,
    (Dialect.OPENAI_CHAT, False): CompletionCreateParamsNonStreaming,
    (Dialect.OPENAI_CHAT, True): CompletionCreateParamsStreaming,
    (Dialect.OPENAI_RESPONSES, False): ResponseCreateParamsNonStreaming,
    (Dialect.OPENAI_RESPONSES, True): ResponseCreateParamsStreaming,
}
_TOLD = 3
"""Errors that are told: a value that is of no type of a union has one for each of them."""


@cache
def _model(dialect: Dialect, streamed: bool) -> type[BaseModel]:
    # What the model forbids is forbidden in all that is in it.
    return create_model("Request", __config__=ConfigDict(extra="forbid"), body=(_TYPES[dialect, streamed], ...))


def refusals(dialect: Dialect, request: Json) -> list[str]:
    """What in a request is of none of the SDK's types."""
    try:
        _walk(_model(dialect, bool(request.get("stream"))).model_validate({"body": request}).body)  # type: ignore[attr-defined]
    except ValidationError as error:
        errors = sorted(error.errors(include_url=False, include_context=False), key=lambda one: -len(one["loc"]))
        return [f"type: {one['loc']}: {one['msg']} ({str(one['input'])[:80]})" for one in errors[:_TOLD]]
    return []


def _walk(value: Any) -> None:
    """Lists are only looked into while someone goes through them."""
    if isinstance(value, Mapping):
        for inner in value.values():
            _walk(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for inner in value:
            _walk(inner)
