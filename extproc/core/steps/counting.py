"""How many tokens a request may have, where no model can be asked: an estimate, said to be one."""

from __future__ import annotations

from extproc.core.conversation import Conversation, Media, Part, Text, Thought, ToolCall, ToolResult

_CHARACTERS = 3.6
"""Of one token, over English prose, code and JSON; providers' tokenizers differ by a fifth and more."""
_PER_PART = 4
_PER_IMAGE = 1500
"""Anthropic's bound for an image that is not scaled down (https://docs.anthropic.com/en/docs/build-with-claude/vision)."""
_BYTES_PER_DOCUMENT_TOKEN = 16


def tokens(conversation: Conversation) -> int:
    """Estimate the input tokens of a request."""
    parts = [*conversation.system, *[part for message in conversation.messages for part in message.parts]]
    described = sum(len(tool.name) + len(tool.description) + len(bytes(tool.schema or b"")) for tool in conversation.tools)
    return round(sum(_of(part) for part in parts) + described / _CHARACTERS + _PER_PART * (len(parts) + len(conversation.tools)))


def _of(part: Part) -> float:
    match part:
        case Media():
            return _PER_IMAGE if part.kind == "image" else len(part.data) / _BYTES_PER_DOCUMENT_TOKEN
        case Text() | Thought():
            return len(part.text) / _CHARACTERS
        case ToolCall():
            return (len(part.name) + len(part.arguments)) / _CHARACTERS
        case ToolResult():
            return sum(_of(inner) for inner in part.parts)
