"""Messages as the strictest provider of any dialect wants them, so that no request is refused for its form.

User and assistant take turns, and the user has the last word. A call has its result in the very next message, in front of all else
there, and each id stands once. Nothing is empty. Servers of open models raise where a system message is not the first.
"""

from __future__ import annotations

from collections.abc import Sequence

from extproc.core.conversation import Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects.pairing import calls_of, paired

NO_RESULT = "There is no result: the tool was not run, or what it gave was lost."
GO_ON = "Go on from the very end of your last message. Repeat nothing of it."
"""In place of an answer that is begun for the model: few models still take one (Claude does not from 4.6 on)."""
_SYSTEM = "<system-message>\n{}\n</system-message>"
_ORPHAN = "Result of an earlier tool call:"
_OF: dict[Role, tuple[type[Part], ...]] = {
    Role.SYSTEM: (Text,),
    Role.USER: (Text, Media, ToolResult),
    Role.ASSISTANT: (Text, Thought, ToolCall),
}
"""What each can say."""


def turns(messages: Sequence[Message], *, signed: bool = False, unsigned: bool = False, system: bool = False) -> list[Message]:
    """Give the messages in this form; with the thoughts that a provider has `signed`, and with those that none has, or without.

    `system`: later system messages stay what they are, for a dialect that has a place for them.
    """
    taken: list[tuple[Role, list[Part]]] = []
    for message in paired(messages):
        role = message.role
        parts = [part for part in message.parts if isinstance(part, _OF[role]) and _says(part, signed=signed, unsigned=unsigned)]
        if not parts:
            continue
        if role is Role.SYSTEM and not system:
            role, parts = Role.USER, [Text(_SYSTEM.format(words_of(parts)))]
        if role is Role.SYSTEM and taken and _calls(taken[-1][1]):
            taken.append((Role.USER, []))
        if taken and taken[-1][0] is role:
            taken[-1][1].extend(parts)
        else:
            taken.append((role, parts))
    if taken and taken[-1][0] is Role.ASSISTANT:
        taken.append((Role.USER, [] if _calls(taken[-1][1]) else [Text(GO_ON)]))
    spoken = [Message(role, tuple(parts)) for role, parts in taken]
    return [_answered(message, spoken[at - 1] if at else None) for at, message in enumerate(spoken)]


def _calls(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, ToolCall) for part in parts)


def _says(part: Part, *, signed: bool, unsigned: bool) -> bool:
    match part:
        case Text():
            return bool(part.text.strip())
        case Thought():
            return bool(part.text) and (signed if part.signed else unsigned)
    return True


def _answered(message: Message, before: Message | None) -> Message:
    """Put the results of the calls in the message before in front, and those that are missing; others become words."""
    if message.role is Role.ASSISTANT:
        return message
    open_calls = {call.id: call for call in calls_of(before)} if before is not None else {}
    results: list[Part] = []
    others: list[Part] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            others.append(part)
        elif open_calls.pop(part.id, None) is not None:
            results.append(part)
        else:
            others += [Text(_ORPHAN), *[said for said in part.parts if not isinstance(said, Text) or said.text.strip()]]
    results += [ToolResult(id_, (Text(NO_RESULT),), error=True) for id_ in open_calls]
    return Message(message.role, (*results, *others))


def called(messages: Sequence[Message]) -> dict[str, bool]:
    """Give the names of the tools that were called → whether each is a custom one, in the order in which they first were."""
    return {part.name: part.custom for message in messages for part in message.parts if isinstance(part, ToolCall)}


def last_called(messages: Sequence[Message]) -> bool:
    """Whether the newest message brings results: the answer that called for them goes on."""
    return bool(messages) and any(isinstance(part, ToolResult) for part in messages[-1].parts)


def words_of(parts: Sequence[Part]) -> str:
    """Give all text in some parts as one."""
    return "\n\n".join([part.text for part in parts if isinstance(part, Text) and part.text.strip()])


def media_of(parts: Sequence[Part]) -> list[Media]:
    """Give the images and documents among some parts."""
    return [part for part in parts if isinstance(part, Media)]
