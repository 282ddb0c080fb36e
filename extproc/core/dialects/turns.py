"""Messages as the strictest provider of any dialect wants them, so that no request is refused for its form.

User and assistant take turns, and the user has the last word. A call has its result in the very next message, in front of all else
there, and each id stands once. Nothing is empty. Servers of open models raise where a system message is not the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from extproc.core.conversation import Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects.pairing import calls_of, paired

NO_RESULT = "There is no result: the tool was not run, or what it gave was lost."
GO_ON = "Go on from the very end of your last message. Repeat nothing of it."
"""In place of an answer that is begun for the model: few models still take one (Claude does not from 4.6 on)."""
_SYSTEM = "<system-message>\n{}\n</system-message>"
_ORPHAN = "Result of an earlier tool call:"
_OF: Mapping[Role, frozenset[type[Part]]] = {
    Role.SYSTEM: frozenset({Text}),
    Role.USER: frozenset({Text, Media, ToolResult}),
    Role.ASSISTANT: frozenset({Text, Thought, ToolCall}),
}
"""What each can say."""
# By names of their own: on Python 3.11, to look a member up in its class costs as much as a call.
_SYSTEM_ROLE, _USER, _ASSISTANT = Role


def turns(messages: Sequence[Message], *, signed: bool = False, unsigned: bool = False, system: bool = False) -> Sequence[Message]:
    """Give the messages in this form; with the thoughts that a provider has `signed`, and with those that none has, or without.

    `system`: later system messages stay what they are, for a dialect that has a place for them.
    """
    if _is_settled(messages):
        return messages
    before: Sequence[Part] = ()
    spoken = []
    for role, parts in _taken(paired(messages), signed=signed, unsigned=unsigned, system=system):
        spoken.append(Message(role, tuple(parts if role is Role.ASSISTANT else _answered(parts, before))))
        before = parts
    return spoken


def _taken(messages: Iterable[Message], *, signed: bool, unsigned: bool, system: bool) -> list[tuple[Role, Sequence[Part]]]:
    """Let both sides take turns, the user last."""
    taken: list[tuple[Role, Sequence[Part]]] = []
    for message in messages:
        role = message.role
        parts = _saying(message, signed=signed, unsigned=unsigned)
        if not parts:
            continue
        if role is Role.SYSTEM:
            if not system:
                role, parts = Role.USER, [Text(_SYSTEM.format(words_of(parts)))]
            elif taken and calls_of(taken[-1][1]):
                taken.append((Role.USER, []))
        if taken and taken[-1][0] is role:
            said = taken[-1][1]
            if isinstance(said, list):
                said.extend(parts)
            else:
                taken[-1] = role, [*said, *parts]
        else:
            taken.append((role, parts))
    if taken and taken[-1][0] is Role.ASSISTANT:
        taken.append((Role.USER, [] if calls_of(taken[-1][1]) else [Text(GO_ON)]))
    return taken


def _is_settled(messages: Iterable[Message]) -> bool:
    """Whether messages certainly have this form already, as most conversations have: calls, their results, and texts."""
    role = _ASSISTANT
    calls: list[str] = []
    seen: set[str] = set()
    for message in messages:
        if message.role is role or message.role is _SYSTEM_ROLE or not message.parts:
            return False
        role = message.role
        called, calls, resulted = calls, [], 0
        for part in message.parts:
            if type(part) is ToolResult and resulted < len(called) and called[resulted] == part.id:
                resulted += 1
            elif type(part) is ToolCall and part.id not in seen and role is _ASSISTANT:
                seen.add(part.id)
                calls.append(part.id)
            elif resulted < len(called) or type(part) is not Text or is_blank(part.text):
                return False
        if resulted < len(called):
            return False
    return role is _USER


def _saying(message: Message, *, signed: bool, unsigned: bool) -> Sequence[Part]:
    """What of a message says something, and is for its side to say."""
    kinds, parts = _OF[message.role], message.parts
    for part in parts:
        if not _says(part, kinds, signed=signed, unsigned=unsigned):
            return [one for one in parts if _says(one, kinds, signed=signed, unsigned=unsigned)]
    return parts


def _says(part: Part, kinds: frozenset[type[Part]], *, signed: bool, unsigned: bool) -> bool:
    kind = type(part)
    if kind is Text:
        return kind in kinds and not is_blank(part.text)  # type: ignore[union-attr]
    if kind is Thought:
        return kind in kinds and bool(part.text) and (signed if part.signed else unsigned)  # type: ignore[union-attr]
    return kind in kinds


def _answered(parts: Sequence[Part], before: Iterable[Part]) -> Sequence[Part]:
    """Put the results of the calls before in front, and those that are missing; others become words."""
    called = [part.id for part in before if type(part) is ToolCall]
    resulted = [part.id for part in parts if type(part) is ToolResult]
    if called == resulted and (len(parts) == len(called) or not called or type(parts[len(called) - 1]) is ToolResult):
        return parts
    open_calls = dict.fromkeys(called)
    results: list[Part] = []
    others: list[Part] = []
    for part in parts:
        if not isinstance(part, ToolResult):
            others.append(part)
        elif part.id in open_calls:
            del open_calls[part.id]
            results.append(part)
        else:
            others += [Text(_ORPHAN), *[said for said in part.parts if not isinstance(said, Text) or not is_blank(said.text)]]
    results += [ToolResult(id_, (Text(NO_RESULT),), error=True) for id_ in open_calls]
    return [*results, *others]


def called(messages: Sequence[Message]) -> dict[str, bool]:
    """Give the names of the tools that were called → whether each is a custom one, in the order in which they first were."""
    return {part.name: part.custom for message in messages for part in message.parts if isinstance(part, ToolCall)}


def last_called(messages: Sequence[Message]) -> bool:
    """Whether what stands behind the last answer brings results: the answer that called for them goes on."""
    newest = takewhile(lambda message: message.role is not Role.ASSISTANT, reversed(messages))
    return any(isinstance(part, ToolResult) for message in newest for part in message.parts)


def words_of(parts: Sequence[Part]) -> str:
    """Give all text in some parts as one."""
    return "\n\n".join([part.text for part in parts if type(part) is Text and not is_blank(part.text)])


def media_of(parts: Sequence[Part]) -> list[Media]:
    """Give the images and documents among some parts."""
    return [part for part in parts if type(part) is Media]


def is_blank(text: str) -> bool:
    """Whether a text says nothing."""
    return not text or text.isspace()
