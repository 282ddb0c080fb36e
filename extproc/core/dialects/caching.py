"""Marks for the prompt cache of Messages, where a client of another dialect has set none: there, nothing is cached without.

A mark stands behind what all turns share, the tools and the system prompt, and behind the user's newest message and the one before it:
so the next turn finds what this one has written, however many calls and results lie between (the provider looks back no further
than 20 blocks, https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from extproc.core.conversation import Conversation, Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects.turns import is_blank

_LEAST = 4_000
"""Characters of the shortest prompt that is worth it: the provider caches none below 1024 tokens."""
_NEWEST = 2
"""Messages of the user's that are marked, the newest ones."""


def marked(conversation: Conversation) -> Conversation:
    """Give the conversation with marks; as it is where it has some, or is too short. Three marks at most, of the four that may stand."""
    if _has_marks(conversation):
        return conversation
    shared = sum(len(tool.description) + len(tool.schema or b"") for tool in conversation.tools) + sum(map(_size, conversation.system))
    if shared >= _LEAST:
        conversation = _marked_head(conversation)
    if shared < _LEAST and not _reaches(shared, conversation.messages):
        return conversation
    return replace(conversation, messages=_marked_messages(conversation.messages))


def _has_marks(conversation: Conversation) -> bool:
    said = (part for message in conversation.messages for part in message.parts if type(part) is not Thought)
    return (
        any(tool.cached for tool in conversation.tools)
        or any(text.cached for text in conversation.system)
        or any(part.cached for part in said)
    )


def _marked_head(conversation: Conversation) -> Conversation:
    """The system prompt stands behind the tools, so its mark is for both."""
    said = [at for at, part in enumerate(conversation.system) if not is_blank(part.text)]
    if said:
        system = [replace(part, cached=True) if at == said[-1] else part for at, part in enumerate(conversation.system)]
        return replace(conversation, system=tuple(system))
    *tools, last = conversation.tools
    return replace(conversation, tools=(*tools, replace(last, cached=True)))


def _marked_messages(messages: Sequence[Message]) -> tuple[Message, ...]:
    marked = [*messages]
    left = _NEWEST
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        last = next((index for index in _backwards(message) if _can_be_marked(message.parts[index])), None)
        if message.role is Role.USER and last is not None:
            parts = [*message.parts]
            parts[last] = replace(parts[last], cached=True)
            marked[at] = Message(message.role, tuple(parts))
            left -= 1
            if not left:
                break
    return tuple(marked)


def _backwards(message: Message) -> Iterator[int]:
    return iter(range(len(message.parts) - 1, -1, -1))


def _can_be_marked(part: Part) -> bool:
    return isinstance(part, Media | ToolResult) or (isinstance(part, Text) and not is_blank(part.text))


def _reaches(size: int, messages: Iterable[Message]) -> bool:
    """Whether the whole is long enough."""
    for message in messages:
        for part in message.parts:
            size += _size(part)
            if size >= _LEAST:
                return True
    return False


def _size(part: Part) -> int:
    """How much of the prompt a part is; of a file that counts for long, since it is more than a thousand tokens at once."""
    match part:
        case Text() | Thought():
            return len(part.text)
        case ToolCall():
            return len(part.arguments)
        case ToolResult():
            return sum(_size(inner) for inner in part.parts)
    return _LEAST
