"""Which answers of a conversation another provider wrote, and what of them must not reach the verify provider.

A question is remembered by what stays as it is while an agent moves messages, reorders keys and puts in its own remarks: the ids of
the calls whose results it brings, or else the user's own words, the conversation's first words, and how many answers came before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import msgspec

from extproc.core.dialects.base import lenient, typed
from extproc.core.dialects.openai_responses.request import InputItem, content_of_item, kind_of
from extproc.core.errors import UnreadableError
from extproc.core.wire import edit
from extproc.core.wire.splice import holds, span

_SKIPPED = frozenset({"additional_tools", "item_reference", "configuration_update"})
_OPTIONAL_ID = frozenset({"message", "function_call", "custom_tool_call", "shell_call", "apply_patch_call", "tool_search_call"})
"""Items that are valid without their ids, by which a provider that stores answers would look for them."""


class _Item(InputItem):
    call_id: Any = None
    id: Any = None


class _Side(Enum):
    QUESTION = "question"
    ANSWER = "answer"
    NEITHER = "neither"


class _Turn:
    """A question and the run of answer items behind it, as indices of items. Either may be empty, at the ends of a conversation."""

    def __init__(self) -> None:
        self.question: list[int] = []
        self.answer: list[int] = []


_ITEMS = msgspec.json.Decoder(list[_Item])


class _Conversation:
    """The input of a request, as turns."""

    def __init__(self, given: bytes) -> None:
        """Read the JSON of an input. UnreadableError where it is neither a text nor a list of items."""
        text = msgspec.Raw(given)
        self.items = [_Item(role="user", content=text)] if given[:1] == b'"' else lenient(text, _ITEMS)
        self.turns = [_Turn()]
        for index, item in enumerate(self.items):
            side = _side(item)
            if side is _Side.QUESTION:
                if self.turns[-1].answer:
                    self.turns.append(_Turn())
                self.turns[-1].question.append(index)
            elif side is _Side.ANSWER:
                self.turns[-1].answer.append(index)
        self._first: str | None = None

    def material(self, number: int) -> bytes:
        """Give what the question of a turn is remembered by."""
        question = [self.items[index] for index in self.turns[number].question]
        ids = sorted([item.call_id for item in question if isinstance(item.call_id, str) and kind_of(item) != "message"])
        if ids:
            return msgspec.json.encode(["results", ids])
        if self._first is None:
            self._first = _words(self.items)
        return msgspec.json.encode(["words", _words(reversed(question)), self._first, number])


def question(body: bytes) -> bytes:
    """Give what is to be remembered of the newest question. UnreadableError where the input cannot be read."""
    _, fields = edit.parsed(body)
    conversation = _Conversation(bytes(fields["input"]) if "input" in fields else b"[]")
    return conversation.material(len(conversation.turns) - 1)


def disowned(body: bytes, drafted: Callable[[bytes], bool]) -> bytes:
    """Give the request without reasoning that the draft provider encrypted, and without the ids that it gave to its items.

    Args:
        body: The client's request.
        drafted: Whether the answer to a question (as `question` gives it) is the draft model's.

    Returns:
        The very same object where there is nothing to take out.

    Raises:
        UnreadableError: the input cannot be read.
    """
    if not holds(body, b'"reasoning"') and not holds(body, b'"id"'):
        return body
    text, fields = edit.parsed(body)
    if "input" not in fields:
        return body
    conversation = _Conversation(bytes(fields["input"]))
    foreign = _foreign(conversation, drafted)
    if not foreign:
        return body
    start, end = span(text, fields, "input")
    given = body[start:end]
    spans = edit.elements(given)
    changes = {index: _nameless(conversation.items[index], given[slice(*spans[index])]) for index in foreign}
    return b"".join((body[:start], edit.replaced(given, changes), body[end:]))


def _foreign(conversation: _Conversation, drafted: Callable[[bytes], bool]) -> list[int]:
    """The indices of the items that only the draft provider can make something of."""
    found: list[int] = []
    for number, turn in enumerate(conversation.turns):
        foreign = [index for index in turn.answer if _is_foreign(conversation.items[index])]
        if foreign and turn.question and drafted(conversation.material(number)):
            found += foreign
    return found


def _is_foreign(item: _Item) -> bool:
    kind = kind_of(item)
    return kind == "reasoning" or (item.id is not None and kind in _OPTIONAL_ID)


def _nameless(item: _Item, raw: bytes) -> bytes | None:
    return None if kind_of(item) == "reasoning" else edit.without(raw, ["id"])


def _side(item: _Item) -> _Side:
    kind = kind_of(item)
    if kind == "message":
        return {"user": _Side.QUESTION, "assistant": _Side.ANSWER}.get(item.role or "user", _Side.NEITHER)
    if kind in _SKIPPED or kind.startswith("compaction"):
        return _Side.NEITHER
    # A provider's own program and its own search for tools have outputs, too.
    served = kind == "program_output" or (kind == "tool_search_output" and item.call_id is None)
    return _Side.QUESTION if kind.endswith(("_output", "_response")) and not served else _Side.ANSWER


def _words(items: Iterable[_Item]) -> str:
    """The first of the items' texts that the user wrote; empty where there is none."""
    for item in items:
        if kind_of(item) == "message" and item.role in {"user", None}:
            try:
                words = typed(content_of_item(item)[0])
            except UnreadableError:
                continue
            if words:
                return words
    return ""
