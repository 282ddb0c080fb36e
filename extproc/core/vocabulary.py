"""The nouns that every room of the core shares: frozen values, no behaviour beyond simple look-ups.

Words follow the public contract (`docs/contract.md`): plan, outcome, dialect, rule, draft, verify. What is made for every
request is a msgspec struct, which costs a fraction of a frozen dataclass and, free of cycles, nothing in garbage collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Word(StrEnum):
    """A word of the contract: equal to its text, and hashed like it, at C speed."""

    __hash__ = str.__hash__


class Dialect(Word):
    """A wire API that clients and models speak."""

    ANTHROPIC = "anthropic"
    OPENAI_CHAT = "openai_chat"
    OPENAI_RESPONSES = "openai_responses"


class Role(Word):
    """Which model of the cascade a call goes to."""

    DRAFT = "draft"
    VERIFY = "verify"


class Plan(Word):
    """What the router chose at request time."""

    DRAFT = "draft"
    CASCADE = "cascade"
    DIRECT = "direct"
    BYPASS = "bypass"


class Outcome(Word):
    """What happened to a request, seen from its end."""

    SKIPPED = "SKIPPED"
    ACCEPTED = "ACCEPTED"
    ENHANCED = "ENHANCED"
    DIRECT = "DIRECT"
    RESCUED = "RESCUED"
    FALLBACK = "FALLBACK"
    BYPASSED = "BYPASSED"
    FAILED = "FAILED"


class Mode(Word):
    """`enforce` acts on the plan, `shadow` only reports it, `off` leaves everything alone."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class Turn(Word):
    """The kind of turn a request is; in agent traffic this matters more than its words."""

    INTERNAL = "internal"
    TOOL_CONTINUATION = "tool_continuation"
    FRESH_USER = "fresh_user"
    CHAT = "chat"


class Effort(Word):
    """How much thinking the client asked for, over all dialects' spellings."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class View(msgspec.Struct, frozen=True, gc=False):
    """What a rule may look at: a bounded, read-only extract of one request.

    Sizes are bytes of the client's JSON as it came. Texts are decoded and cut to a bound (`dialects.base`), so that no rule
    can be made slow by a long conversation.
    """

    last_user_text: str = ""
    """What the human wrote last: the last text block of the last user message, injected context left out."""
    earlier_user_texts: tuple[str, ...] = ()
    """The user texts before it, newest first, a few at most: for signs of repetition."""
    system_text: str = ""
    """The beginning of the system prompt or instructions."""
    conversation_bytes: int = 0
    """Size of the conversation: messages or input items and the system prompt, tools left out."""
    messages: int = 0
    tools: int = 0
    """Tools offered, wherever the dialect or the agent hides them."""
    tool_names: tuple[str, ...] = ()
    calls_in_history: bool = False
    """A tool call or a tool result stands somewhere near the end of the conversation."""
    ends_with_tool_result: bool = False
    """The last message that is not a system message carries tool results."""
    tool_errors: int = 0
    """Tool results among the newest messages that say they are errors."""
    forced_tool: bool = False
    """The client requires a tool call (or names the tool)."""
    images: int = 0
    documents: int = 0
    json_schema: bool = False
    """Structured output was asked for, by schema or as plain JSON."""
    effort: Effort = Effort.NONE
    max_output_tokens: int | None = None
    stop_sequences: bool = False
    several_answers: bool = False
    """More than one answer was asked for, or one that is not only text and calls."""
    server_state: bool = False
    """The conversation lives at the provider (`previous_response_id`, `thread: continue`, `conversation`)."""
    prefill: bool = False
    """The last message is the assistant's own beginning."""
    system_in_messages: bool = False
    """A message with role `system` or `developer` stands after the first user message."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """One accepted LLM request: the client's bytes and the few things known about them."""

    dialect: Dialect
    body: bytes
    model: str
    model_start: int
    """Offset in `body` of the first byte of the top-level `model` value (its opening quote)."""
    model_end: int
    """Offset just behind the closing quote."""
    stream: bool
    view: View

    def __repr__(self) -> str:
        """Without the client's words."""
        return f"Request({self.dialect}, {len(self.body)} bytes, model={self.model!r}, stream={self.stream})"


class Fired(msgspec.Struct, frozen=True, gc=False):
    """A rule that fired, with the weight that it added to the score (0 for a rule that decides by itself)."""

    name: str
    weight: float = 0.0


class Label(msgspec.Struct, frozen=True, gc=False):
    """The classifier's finding about one request."""

    turn: Turn
    score: float
    """Complexity in [0, 1]: 0 is trivial."""
    rules: tuple[Fired, ...]


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What is to be done with one request, and why."""

    plan: Plan
    role: Role | None
    """The model that the request is carried to; None for a bypass."""
    model: str
    """The model name that leaves with the request; the client's own where nothing is to change."""
    rules: tuple[str, ...]
    score: float = 0.0
    turn: Turn = Turn.CHAT
    wanted: Plan | None = None
    """The plan that the score asked for, where something else overruled it (shadow mode, a missing model, a memory of refusals)."""
    checked: bool = False
    """The draft's answer is to be checked before the client gets it."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one model call. `input` includes the cached parts (OpenAI's way of counting)."""

    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    reasoning: int = 0


PATHS: Mapping[str, Dialect] = {
    "/v1/messages": Dialect.ANTHROPIC,
    "/v1/chat/completions": Dialect.OPENAI_CHAT,
    "/v1/responses": Dialect.OPENAI_RESPONSES,
}
"""The request paths that are LLM calls (POST), without their query strings."""

PATH_OF: Mapping[Dialect, str] = {dialect: path for path, dialect in PATHS.items()}

COUNT_PATH = "/v1/messages/count_tokens"
"""Counts the tokens of a Messages request; no answer is written."""

TARGET_HEADER = "x-cascade-target"
"""Request header that the processor sets and Envoy routes by: `draft` or `held` (without it: verify). Never taken from a client."""

TRACER_HEADER = "x-cascade-tracer"
"""Request header by which an Envoy on our bootstrap says that it traces. Never taken from a client."""

HELD = "held"
"""Value of that header for a request whose response is ours from its first byte to its last."""

PROBE_PATH = "/.well-known/cascade-probe"
"""Requests to this path are answered by the processor when it is really in Envoy's path, and with a 503 by Envoy otherwise."""

PROBES: Mapping[str, str] = {PROBE_PATH: "", **{f"{path}?cascade-probe": str(dialect) for path, dialect in PATHS.items()}}
"""Targets that are probes → dialect. Those on the path of an LLM call say that calls by this very route reach the processor."""

PROBE_ANSWER = b"the processor is in the path\n"
