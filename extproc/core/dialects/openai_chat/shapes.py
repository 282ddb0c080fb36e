"""What is read of Chat Completions answers; all else in them is passed over. Some servers leave out or nullify what OpenAI sends."""

from __future__ import annotations

from typing import Any

import msgspec

REFUSAL = "refusal"
"""`raw` of a text that is the model's refusal, which has a field of its own."""
CUSTOM = "custom"
"""`raw` of a call of a custom tool."""
LEGACY = "function_call"
"""`raw` of a call in the older form, without an id."""


class Function(msgspec.Struct, gc=False):
    """A function that is called, or a fragment of its call."""

    name: str | None = None
    arguments: str | None = None


class Custom(msgspec.Struct, gc=False):
    """A custom tool that is called, or a fragment of its call."""

    name: str | None = None
    input: str | None = None


class Call(msgspec.Struct, gc=False):
    """A call, or a fragment of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None


class Delta(msgspec.Struct, gc=False):
    """A message, or a fragment of one."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    annotations: list[Any] | None = None


class Choice(msgspec.Struct, gc=False):
    """An answer, or what a chunk adds to it."""

    index: int | None = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class Prompt(msgspec.Struct, gc=False):
    """Details of the input."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class Completion(msgspec.Struct, gc=False):
    """Details of the output."""

    reasoning_tokens: int | None = None


class Used(msgspec.Struct, gc=False):
    """Tokens of an answer."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Prompt | None = None
    completion_tokens_details: Completion | None = None


class Chunk(msgspec.Struct, gc=False):
    """A chunk, a completion, or an error in the place of either."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Used | None = None
    error: Any = None


class Outline(msgspec.Struct, gc=False):
    """A chunk, of which only it matters what it is for."""

    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")


CHUNK = msgspec.json.Decoder(Chunk)
OUTLINE = msgspec.json.Decoder(Outline)
