"""What a client asks, in no dialect: the vocabulary through which a request passes from one dialect to another.

Each dialect reads its requests into a `Conversation` and writes one from it, so a pair of dialects composes and no pair has code of
its own. Whatever a request holds is named by a `Feature`; what a dialect makes of each stands in its table `carries`, from which both
the losses of one request and the tables in the docs are made. Nothing that the table calls carried may get lost in a writer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import msgspec


class How(StrEnum):
    """What becomes of a feature in another dialect."""

    CARRIED = "carried"
    APPROXIMATED = "approximated"
    """Said in another way that comes close: a custom tool as a function with one text, a document as its text."""
    DROPPED = "dropped"
    """Left out: it changes the price, the pace or the style of the answer, not what is asked."""
    REFUSED = "refused"
    """Without it another question would be asked, so a model that cannot be told of it is not asked."""


class Feature(StrEnum):
    """What a request can hold beside plain text messages and its model."""

    # The conversation.
    SYSTEM = "system"
    SYSTEM_LATER = "system_later"
    """A message with role system or developer behind the first user message."""
    CACHE_MARKS = "cache_marks"
    CITATIONS = "citations"
    IMAGE_DATA = "image_data"
    IMAGE_URL = "image_url"
    IMAGE_DETAIL = "image_detail"
    DOCUMENT_DATA = "document_data"
    DOCUMENT_TEXT = "document_text"
    DOCUMENT_URL = "document_url"
    PROVIDER_FILE = "provider_file"
    """An image or document that lies at a provider and is named by its id there."""
    AUDIO = "audio"
    MESSAGE_NAME = "message_name"
    PREFILL = "prefill"
    """The last message is the assistant's own beginning, which the answer is to go on from."""
    THOUGHTS = "thoughts"
    """Earlier thinking that no provider has signed."""
    SIGNED_THOUGHTS = "signed_thoughts"
    """Earlier thinking under a signature or in encrypted form: of use to the provider alone that made it."""
    PART_ORDER = "part_order"
    """Words of the assistant's behind its calls in the same message."""
    RESULT_ERROR = "result_error"
    """A tool's result is marked as an error."""
    RESULT_PARTS = "result_parts"
    """A tool's result holds more than text."""
    HOSTED_HISTORY = "hosted_history"
    """Calls of the provider's own tools, and their results, in earlier turns."""
    PROVIDER_PART = "provider_part"
    """A part or item that only its dialect knows."""
    # Tools.
    TOOLS = "tools"
    CUSTOM_TOOLS = "custom_tools"
    """Tools whose input is free text."""
    NAMESPACES = "namespaces"
    """Tools in named groups."""
    CLIENT_TOOLS = "client_tools"
    """Tools that the client runs and whose form its provider knows without being told: shells, editors, a search for more tools."""
    HOSTED_TOOLS = "hosted_tools"
    """Tools that the provider runs: web search, code execution, …"""
    HOSTED_NEEDED = "hosted_needed"
    """Such a tool is what the request is for: no other is offered, or it must be called."""
    STRICT_TOOLS = "strict_tools"
    CHOICE_REQUIRED = "choice_required"
    CHOICE_NAMED = "choice_named"
    CHOICE_NONE = "choice_none"
    CHOICE_ALLOWED = "choice_allowed"
    """Only some of the offered tools may be called."""
    PARALLEL = "parallel"
    """Whether several calls may stand in one answer."""
    # The answer's form and size.
    MAX_TOKENS = "max_tokens"
    STOP = "stop"
    STOP_ODD = "stop_odd"
    """More than four stop sequences, or one of white space alone: no two dialects take the same of these."""
    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    TOP_K = "top_k"
    SEED = "seed"
    PENALTIES = "penalties"
    LOGIT_BIAS = "logit_bias"
    LOGPROBS = "logprobs"
    SEVERAL = "several"
    """More than one answer."""
    MODALITIES = "modalities"
    """An answer that is not text."""
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    VERBOSITY = "verbosity"
    THINKING = "thinking"
    """Thinking is switched on or off, perhaps with a budget."""
    EFFORT = "effort"
    THINKING_SHOWN = "thinking_shown"
    """How much of the thinking is to be shown: summaries, encrypted thoughts."""
    # The exchange.
    STREAM = "stream"
    STREAM_USAGE = "stream_usage"
    STREAM_OPTIONS = "stream_options"
    """Anything else about the stream's form: obfuscation, …"""
    USER = "user"
    """A name for the end user, for the provider's watch over abuse."""
    METADATA = "metadata"
    """The client's own notes, kept beside the answer."""
    CACHE_KEY = "cache_key"
    SERVICE_TIER = "service_tier"
    STORE = "store"
    """Whether the provider keeps the answer."""
    SERVER_STATE = "server_state"
    """The conversation goes on from one that a provider keeps."""
    CONTEXT_EDITS = "context_edits"
    """The provider is to shorten the conversation: truncation, clearing, compaction."""
    BACKGROUND = "background"
    HINTS = "hints"
    """What concerns the pace, the place or the price of an answer alone, in one provider's words."""
    UNKNOWN = "unknown"
    """A field that this release does not know."""


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Text(msgspec.Struct, frozen=True, gc=False):
    """Words."""

    text: str
    cached: bool = False
    """The prefix down to here is worth caching."""
    refusal: bool = False
    """Of the assistant: it declined with these words."""


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


class Thought(msgspec.Struct, frozen=True, gc=False):
    """Earlier thinking of the assistant's. A provider's signature does not stand here: it is never written as signed."""

    text: str
    signed: bool = False
    """A provider has signed it, so it is another provider's business than that of one who shows thinking plainly."""


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """The assistant calls a tool of the client's."""

    id: str
    name: str
    """The tool's name as in `Tool.name`."""
    arguments: str
    """JSON object as text; of a custom tool its free text."""
    custom: bool = False
    cached: bool = False


class ToolResult(msgspec.Struct, frozen=True):
    """What a tool gave."""

    id: str
    """The call's."""
    parts: tuple[Text | Media, ...]
    error: bool = False
    cached: bool = False


Part = Text | Media | Thought | ToolCall | ToolResult


class Message(msgspec.Struct, frozen=True):
    """What one side says at once. Results of tools stand in messages of the user's, in the order in which they came."""

    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
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


class Choice(msgspec.Struct, frozen=True):
    """Which tools the answer may or must call."""

    mode: str = "auto"
    """`auto`, `none`, `required`, or `named`."""
    name: str = ""
    """With `named`: the tool."""
    allowed: tuple[str, ...] = ()
    """Only these; empty = all."""
    parallel: bool | None = None


class Form(msgspec.Struct, frozen=True):
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


class Conversation(msgspec.Struct, frozen=True):
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
    if 0 < len(name) <= longest and not _UNFIT.search(name):
        return name
    mark = blake2b(name.encode(errors="replace"), digest_size=5).hexdigest()
    return f"{_UNFIT.sub('_', name)[: longest - 11]}_{mark}"


def fitted_id(call_id: str) -> str:
    """Give a call's id as all providers take it: 40 characters is the shortest bound of any (Chat Completions at OpenAI)."""
    return fitted(call_id, 40)


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
