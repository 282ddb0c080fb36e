"""Calls and their results side by side, as the strictest provider wants them: a call's result in the very next message, each id once.

Responses takes results anywhere behind their calls, and servers of Chat Completions may number the calls of every answer anew.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from typing import NamedTuple

from msgspec.structs import replace

from extproc.core.conversation import Message, Part, Role, ToolCall, ToolResult


def paired(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Give the messages with every result directly behind its call, and with ids that occur once.

    The same beginning of a conversation always becomes the same, however it goes on, so caches of prompts stay good. Calls without a
    result and results without a call stay as they are, for the provider to judge.
    """
    if _fits(messages):
        return tuple(messages)
    joined = _joined(messages)
    return tuple(joined) if _fits(joined) else tuple(_Pairing(joined).put())


def _joined(messages: Iterable[Message]) -> list[Message]:
    """One message of calls, where an answer came in several."""
    joined: list[Message] = []
    for role, run in groupby(messages, lambda message: message.role):
        said = list(run)
        joined += _answers(said) if role is Role.ASSISTANT else said
    return joined


def _answers(messages: Iterable[Message]) -> list[Message]:
    groups: list[list[Message]] = []
    called = False
    for message in messages:
        calls = bool(calls_of(message.parts))
        if groups and (called or calls):
            groups[-1].append(message)
        else:
            groups.append([message])
        called = called or calls
    return [group[0] if len(group) == 1 else Message(Role.ASSISTANT, tuple(chain(*[one.parts for one in group]))) for group in groups]


def calls_of(parts: Iterable[Part]) -> list[ToolCall]:
    """Give the calls among some parts."""
    return [part for part in parts if type(part) is ToolCall]


def _fits(messages: Iterable[Message]) -> bool:
    seen: set[str] = set()
    called: list[str] = []
    before = Role.USER
    for message in messages:
        if message.role is before is Role.ASSISTANT:
            return False
        before = message.role
        calls: list[str] = []
        results: list[str] = []
        for part in message.parts:
            kind = type(part)
            if kind is ToolCall:
                calls.append(part.id)  # type: ignore[union-attr]
            elif kind is ToolResult:
                results.append(part.id)  # type: ignore[union-attr]
        if results != called and sorted(results) != sorted(called):
            return False
        for id_ in calls:
            if id_ in seen:
                return False
            seen.add(id_)
        called = calls
    return True


class _Place(NamedTuple):
    message: int
    part: int


class _Pairing:
    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._calls: dict[str, deque[int]] = defaultdict(deque)
        """Of each id: the messages that call with it, each once."""
        self._results: dict[str, deque[_Place]] = defaultdict(deque)
        for at, message in enumerate(messages):
            for index, part in enumerate(message.parts):
                if isinstance(part, ToolCall):
                    calls = self._calls[part.id]
                    if not calls or calls[-1] != at:
                        calls.append(at)
                elif isinstance(part, ToolResult):
                    self._results[part.id].append(_Place(at, index))
        self._taken: set[_Place] = set()
        self._ids: set[str] = set()
        self._numbers: dict[str, int] = defaultdict(lambda: 1)
        """Of each id: the last number that was put behind it."""

    def put(self) -> list[Message]:
        """Give the messages anew."""
        put: list[Message] = []
        for at, message in enumerate(self._messages):
            results: list[tuple[_Place, ToolResult]] = []
            parts: list[Part] = []
            for index, part in enumerate(message.parts):
                if isinstance(part, ToolCall):
                    call = self._called(part)
                    results += self._resulted(part.id, call.id, at)
                    parts.append(call)
                elif _Place(at, index) not in self._taken:
                    parts.append(part)
            if parts:
                put.append(Message(message.role, tuple(parts)))
            if results:
                put.append(Message(Role.USER, tuple([result for _, result in sorted(results, key=lambda found: found[0])])))
        return put

    def _called(self, call: ToolCall) -> ToolCall:
        new = call.id
        while new in self._ids:
            self._numbers[call.id] += 1
            new = f"{call.id}-{self._numbers[call.id]}"
        self._ids.add(new)
        return call if new == call.id else replace(call, id=new)

    def _resulted(self, old: str, new: str, at: int) -> list[tuple[_Place, ToolResult]]:
        """The result of a call: the first one behind it, before another message calls with the same id."""
        calls = self._calls[old]
        while calls and calls[0] <= at:
            calls.popleft()
        until = calls[0] if calls else len(self._messages)
        places = self._results[old]
        while places and places[0].message <= at:
            places.popleft()
        if not places or places[0].message > until:
            return []
        place = places.popleft()
        self._taken.add(place)
        result = self._messages[place.message].parts[place.part]
        return [(place, replace(result, id=new))] if isinstance(result, ToolResult) else []
