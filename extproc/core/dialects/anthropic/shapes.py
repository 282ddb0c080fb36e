"""The parts of answers that are read, as Anthropic Messages has them."""

from __future__ import annotations

import msgspec


class Details(msgspec.Struct, gc=False):
    """What part of the answer was thinking."""

    thinking_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    """Tokens; the buckets of input are apart from each other."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: Details | None = None


class Head(msgspec.Struct, gc=False):
    """A message as it begins."""

    id: str = ""
    model: str = ""
    usage: Counts | None = None


class Body(Head, gc=False, kw_only=True):
    """A whole message."""

    content: list[msgspec.Raw]
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Delta(msgspec.Struct, gc=False):
    """What a block grows by; of all these texts it has the one that its type says."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""


class Ending(msgspec.Struct, gc=False):
    """How a message ends."""

    stop_reason: str | None = None
    stop_sequence: str | None = None


class Problem(msgspec.Struct, gc=False):
    """An error."""

    type: str = ""
    message: str = ""


class MessageStart(msgspec.Struct, tag="message_start", gc=False):
    """`message_start`."""

    message: Head


class BlockStart(msgspec.Struct, tag="content_block_start", gc=False):
    """`content_block_start`."""

    index: int
    content_block: msgspec.Raw


class BlockDelta(msgspec.Struct, tag="content_block_delta", gc=False):
    """`content_block_delta`."""

    index: int
    delta: Delta


class BlockStop(msgspec.Struct, tag="content_block_stop", gc=False):
    """`content_block_stop`."""

    index: int


class MessageDelta(msgspec.Struct, tag="message_delta", gc=False):
    """`message_delta`; its counts are cumulative."""

    delta: Ending
    usage: Counts | None = None


class MessageStop(msgspec.Struct, tag="message_stop", gc=False):
    """`message_stop`."""


class Error(msgspec.Struct, tag="error", gc=False):
    """`error`."""

    error: Problem


class Typed(msgspec.Struct, gc=False):
    """Anything that says what it is."""

    type: str = ""


class Text(msgspec.Struct, gc=False):
    """A block of type `text`."""

    text: str = ""


class Thinking(msgspec.Struct, gc=False):
    """A block of type `thinking`."""

    thinking: str = ""
    signature: str = ""


class ToolUse(msgspec.Struct, gc=False):
    """A block of type `tool_use`."""

    id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")


Event = BlockDelta | BlockStart | BlockStop | MessageStart | MessageDelta | MessageStop | Error
KNOWN = frozenset(
    {"content_block_delta", "content_block_start", "content_block_stop", "message_start", "message_delta", "message_stop", "error"}
)
"""The types of event that are understood."""
EVENT = msgspec.json.Decoder(Event)
BODY = msgspec.json.Decoder(Body)
TYPED = msgspec.json.Decoder(Typed)
TEXT = msgspec.json.Decoder(Text)
THINKING = msgspec.json.Decoder(Thinking)
TOOL_USE = msgspec.json.Decoder(ToolUse)
