"""What a client asks, in no dialect: the vocabulary through which a request passes from one dialect to another.

Each dialect reads its requests into a `Conversation` and writes one from it, so a pair of dialects composes and no pair has code of
its own. Whatever a request holds is named by a `Feature`; what a dialect makes of each stands in its table `carries`, from which both
the losses of one request and the tables in the docs are made. Nothing that the table calls carried may get lost in a writer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, final

import msgspec

from extproc.core.features import Feature, How
from extproc.core.vocabulary import Word


class Role(Word):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@final
class Text(msgspec.Struct, frozen=True, gc=False):
    """Words."""

    text: str
    cached: bool = False
    """The prefix down to here is worth caching."""
    refusal: bool = False
    """Of the assistant: it declined with these words."""


@final
class Media(msgspec.Struct, frozen=True, gc=False):
    """An image or a document: by value, or by an address that the provider fetches."""

    kind: str
    """`image` or `document`."""
    media_type: str = ""
    """MIME type of `data`; empty for a URL."""
    data: str = ""
    """Base64."""
    url: str = ""
    name: str = ""
    """File name or title."""
    detail: str = ""
    """Of an image: how closely it is to be looked at (OpenAI's words)."""
    cached: bool = False


@final
class Thought(msgspec.Struct, frozen=True, gc=False):
    """Earlier thinking of the assistant's. A provider's signature does not stand here: it is never written as signed."""

    text: str
    signed: bool = False
    """A provider has signed it, so it is another provider's business than that of one who shows thinking plainly."""


@final
class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """The assistant calls a tool of the client's."""

    id: str
    name: str
    """The tool's name as in `Tool.name`."""
    arguments: str
    """JSON object as text; of a custom tool its free text."""
    custom: bool = False
    cached: bool = False


@final
class ToolResult(msgspec.Struct, frozen=True, gc=False):
    """What a tool gave."""

    id: str
    """The call's."""
    parts: tuple[Text | Media, ...]
    error: bool = False
    cached: bool = False


Part = Text | Media | Thought | ToolCall | ToolResult


class Message(msgspec.Struct, frozen=True, gc=False):
    """What one side says at once. Results of tools stand in messages of the user's, in the order in which they came."""

    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True, gc=False):
    """A tool that the client runs."""

    name: str
    """Unique in the conversation. Writers put it through `fitted`; `core.dialects.crossing` finds the tool of a call again."""
    description: str = ""
    schema: msgspec.Raw | None = None
    """JSON Schema of the arguments, as it came; None where there is none (a custom tool)."""
    custom: bool = False
    strict: bool | None = None
    cached: bool = False
    own_name: str = ""
    """The name under which the client knows it, where that is another (a tool in a namespace)."""
    raw: Any = None
    """What the client's dialect needs to write a call of it: `answers.Opened.raw`."""
    grammar: str = ""
    """Of a custom tool: the definition that its input follows, for the description where a dialect has no place for it."""
    syntax: str = ""
    """Of the grammar: `lark` or `regex`."""


class Choice(msgspec.Struct, frozen=True, gc=False):
    """Which tools the answer may or must call."""

    mode: str = "auto"
    """`auto`, `none`, `required`, or `named`."""
    name: str = ""
    """With `named`: the tool."""
    allowed: tuple[str, ...] = ()
    """Only these; empty = all."""
    parallel: bool | None = None


class Form(msgspec.Struct, frozen=True, gc=False):
    """The form of the answer's text."""

    schema: msgspec.Raw | None = None
    """None: any JSON object."""
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Thinking(msgspec.Struct, frozen=True, gc=False):
    """How much the model is to think before it answers."""

    on: bool | None = None
    """None: the client does not say."""
    budget: int | None = None
    """Tokens at most."""
    effort: str = ""
    """A word: none, minimal, low, medium, high, xhigh, max."""
    summary: str = ""
    """How it is to be shown: `auto`, `concise`, `detailed` (Responses); empty where the client does not say."""


class Conversation(msgspec.Struct, frozen=True, gc=False):
    """A request. Defaults mean that the client does not say."""

    model: str
    system: tuple[Text, ...] = ()
    """What stands before the first message: system prompt, instructions, leading developer messages, in their order."""
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: Choice = Choice()
    form: Form | None = None
    thinking: Thinking = Thinking()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    verbosity: str = ""
    stream: bool = False
    stream_usage: bool = False
    user: str = ""
    metadata: Mapping[str, str] | None = None
    cache_key: str = ""
    service_tier: str = ""
    held: tuple[tuple[str, Feature], ...] = ()
    """All that the request holds: the field as the client's dialect spells it (`tools[].strict`), and what it is."""


class Manner(msgspec.Struct, frozen=True, gc=False):
    """How one model wants to be asked."""

    model: str
    max_tokens: int | None = None
    """Most tokens for the answer, where this is less than what the client allows, or where the dialect needs a number."""
    thoughts: str = "auto"
    """Earlier thinking in Chat Completions' `reasoning_content`: `auto` = what no provider has signed, `always` = all, and an empty one
    with calls that have none (DeepSeek refuses calls without), `never`."""
    limit: str = "auto"
    """The key of `max_tokens` in Chat Completions: `max_tokens`, or `max_completion_tokens`, which OpenAI's reasoning models want and
    older servers do not know; `auto` goes by the model's name."""
    thinking: str = "auto"
    """How the client's wish for thinking is told. Messages: `adaptive`, or `budget` for models that want a number. Chat Completions:
    `effort` (`reasoning_effort`), or `switch` (`thinking`, as DeepSeek has it). Anywhere: `never`. `auto` goes by the model's name."""


DEFAULT_MAX_TOKENS = 8192
"""Messages requires a number; this one where neither the client nor the configuration has any."""


_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")


def fitted(name: str, longest: int = 64) -> str:
    """Give a tool's name or a call's id as all providers take it: `[a-zA-Z0-9_-]`, so many characters at most.

    The same text always becomes the same, and two different ones never do, so calls and results keep finding each other over all turns.
    """
    if 0 < len(name) <= longest and ((name.isascii() and name.isidentifier()) or not _UNFIT.search(name)):
        return name
    mark = blake2b(name.encode(errors="replace"), digest_size=5).hexdigest()
    return f"{_UNFIT.sub('_', name)[: longest - 11]}_{mark}"


def fitted_id(call_id: str) -> str:
    """Give a call's id as all providers take it: 40 characters is the shortest bound of any (Chat Completions at OpenAI)."""
    # As `fitted` would, but for the call: conversations are full of them.
    return call_id if 0 < len(call_id) <= 40 and call_id.isascii() and call_id.isidentifier() else fitted(call_id, 40)


class Loss(msgspec.Struct, frozen=True, gc=False):
    """What another dialect does not take as it is."""

    field: str
    """As the client's dialect spells it."""
    feature: Feature
    how: How


def losses(conversation: Conversation, carries: Mapping[Feature, How]) -> tuple[Loss, ...]:
    """Say what a dialect with this table loses of a request; each field once, in the order of the request."""
    found = {}
    for field, feature in conversation.held:
        how = carries[feature]
        if how is not How.CARRIED:
            found[field, feature] = Loss(field, feature, how)
    return tuple(found.values())
