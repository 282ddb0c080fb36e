"""Thinking that the verify provider did not sign is kept from it: what to remember of a question, and which answers to clean.

A provider refuses thinking that another one signed, and clients return all thinking with their next turn. The question that was
drafted is known again by what agents leave alone. They move cache marks and reminders, add and move system messages, turn a text
into blocks, and reorder keys and tool results; they keep the ids of calls, and what the user typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from extproc.core.dialects.anthropic.edit import member, thinking_of, unthinking
from extproc.core.dialects.base import content_of, required, typed
from extproc.core.errors import UnreadableError
from extproc.core.wire.edit import elements, put, replaced
from extproc.core.wire.splice import readable, top_level

_TYPE = b'thinking"'
"""The end of a block's type."""
_VALUE = re.compile(rb"[\x20\t\r\n]*+[,}]")
"""What stands behind a value; as a key, with a colon behind it, the word stands in every request of some agents."""
_THINKING = frozenset({"thinking", "redacted_thinking"})


class _Message(msgspec.Struct):
    role: str
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Block(msgspec.Struct):
    type: str = ""
    text: msgspec.Raw = msgspec.Raw(b'""')
    signature: msgspec.Raw = msgspec.Raw(b'""')
    tool_use_id: str = ""


_MESSAGES = msgspec.json.Decoder(list[_Message])
_BLOCKS = msgspec.json.Decoder(list[_Block])


class _Question:
    """The newest question of a conversation that is walked through, message by message."""

    def __init__(self) -> None:
        self.number = 0
        """Its number; questions, unlike messages, are neither split nor merged by agents."""
        self._opening = ""
        self._words = ""
        self._results: set[str] = set()
        self._answered = True

    def ask(self, content: msgspec.Raw) -> None:
        """Take a message of the user's. What holds nothing but an agent's reminders asks nothing."""
        whole, blocks = _parts(content)
        results = [block.tool_use_id for block in blocks if block.type == "tool_result"]
        words = _words((*whole, *[block.text for block in blocks if block.type == "text"]))
        if not words and all(block.type == "text" for block in blocks):
            return
        if self._answered:
            self.number += 1
            self._words, self._results, self._answered = "", set(), False
        self._opening = self._opening or words
        self._words = words or self._words
        self._results.update(results)

    def answer(self) -> None:
        """Take a message of the assistant's: the next of the user's asks something new."""
        self._answered = True

    def material(self) -> bytes:
        """Give what it is known by: the ids of the calls whose results it brings, or else its words and its place."""
        return msgspec.json.encode(sorted(self._results) or [self._opening, self.number, self._words])


def question(body: bytes) -> bytes:
    """Give what is to be remembered of the newest question. UnreadableError where the messages are not a list of messages."""
    asked = _Question()
    for message in _messages(body):
        _walk(asked, message)
    return asked.material()


def disowned(body: bytes, drafted: Callable[[bytes], bool]) -> bytes:
    """Give a request without the thinking in the answers to questions that were drafted; the very same bytes where there is none.

    Thinking without a signature goes in any case: it came from a model of another dialect, and every provider that signs refuses it.
    With it goes a message that holds nothing else. Where thinking is enabled, the newest answer must begin with it if it has calls;
    so when that answer loses its own, thinking is disabled for this request.

    Raises:
        UnreadableError: the messages are not a list of messages, or one to be changed has a key twice.
    """
    if not _tells(body):
        return body
    asked = _Question()
    messages = _messages(body)
    gone: dict[int, list[int]] = {}
    for at, message in enumerate(messages):
        _walk(asked, message)
        thoughts = _thoughts(message)
        if any(thoughts.values()) and drafted(asked.material()):
            gone[at] = list(thoughts)
        elif unsigned := [index for index, signed in thoughts.items() if not signed]:
            gone[at] = unsigned
    if not gone:
        return body
    newest = _newest_answer(messages)
    bare = not gone.keys().isdisjoint(newest) and any(_calls(messages[at]) for at in newest)
    cleaned = _without(body, gone)
    return unthinking(cleaned) if bare and thinking_of(body) == "enabled" else cleaned


def _tells(body: bytes) -> bool:
    """Whether a block of thinking may stand in it."""
    at = body.rfind(_TYPE)
    while at >= 0 and not _VALUE.match(body, at + len(_TYPE)):
        at = body.rfind(_TYPE, 0, at)
    return at >= 0


def _walk(asked: _Question, message: _Message) -> None:
    if message.role == "user":
        asked.ask(message.content)
    elif message.role == "assistant":
        asked.answer()


def _newest_answer(messages: Sequence[_Message]) -> list[int]:
    """The indices of the last messages of the assistant's that the user did not interrupt."""
    answer: list[int] = []
    for at in reversed(range(len(messages))):
        if messages[at].role == "assistant":
            answer.append(at)
        elif messages[at].role == "user" and answer:
            break
    return answer


def _without(body: bytes, gone: dict[int, list[int]]) -> bytes:
    """Take blocks out of messages: index of the message → indices of the blocks."""
    messages = member(body, "messages")
    spans = elements(messages)
    changes: dict[int, bytes | None] = {}
    for at, blocks in gone.items():
        start, end = spans[at]
        message = messages[start:end]
        content = member(message, "content")
        left = replaced(content, dict.fromkeys(blocks))
        changes[at] = put(message, {"content": left}) if left != b"[]" else None
    return put(body, {"messages": replaced(messages, changes)})


def _messages(body: bytes) -> list[_Message]:
    # Always the readable copy: a text has to be read alike whatever stands beside it.
    return required(top_level(readable(body)), "messages", _MESSAGES)


def _parts(content: msgspec.Raw) -> tuple[tuple[msgspec.Raw, ...], Sequence[_Block]]:
    """Read a content; one that is odd has nothing in it."""
    try:
        return content_of(content, _BLOCKS)
    except UnreadableError:
        return (), []


def _thoughts(message: _Message) -> dict[int, bool]:
    """The indices of the thoughts in an answer → whether they are signed."""
    blocks = _parts(message.content)[1] if message.role == "assistant" else []
    return {index: _is_signed(block) for index, block in enumerate(blocks) if block.type in _THINKING}


def _is_signed(block: _Block) -> bool:
    # Thinking that is encrypted as a whole needs no signature beside.
    return block.type != "thinking" or bytes(memoryview(block.signature)[:5]) not in {b'""', b"null"}


def _calls(message: _Message) -> bool:
    """Whether a message has calls in it."""
    return any(block.type == "tool_use" for block in _parts(message.content)[1])


def _words(texts: Sequence[msgspec.Raw]) -> str:
    try:
        return typed(texts)
    except UnreadableError:
        return ""
