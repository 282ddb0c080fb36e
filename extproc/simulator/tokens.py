"""How tokens are estimated, and how a text is cut into them. Pure.

The estimate: one token for every four bytes of UTF-8, rounded up. Of a request, the bytes are those of its JSON as it came, for
each of three parts: the head (system prompt or instructions, and tools), all messages but the last, and the last message.

What a prompt cache would have done is derived from the request alone, so that equal requests give equal usage:
a conversation that holds an answer already was seen before, so its head and all messages but the last come from the cache;
one that holds none was not, so its head goes into the cache.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

BYTES_PER_TOKEN = 4

_AUTOMATIC_LEAST = 1024
"""Prefix from which OpenAI caches by itself, in tokens; https://platform.openai.com/docs/guides/prompt-caching."""
_AUTOMATIC_STEP = 128

_PIECE = re.compile(r"\s*\S{1,8}|\s+")


@dataclass(frozen=True, slots=True)
class InputTokens:
    """What a request costs to read, in tokens."""

    total: int
    """All of it; the two below are parts of it."""
    cached: int = 0
    written: int = 0


def estimate(size: int) -> int:
    """Tokens in this many bytes."""
    return -(-size // BYTES_PER_TOKEN)


def estimate_text(text: str) -> int:
    """Tokens in a text."""
    return estimate(len(text) if text.isascii() else len(text.encode()))


def marked_input(head: int, messages: Sequence[int], *, answered: bool, marked: bool) -> InputTokens:
    """Read sizes in bytes as Anthropic does: the cache is used only where the request marks something for it."""
    total, prefix = _total(head, messages)
    if not marked:
        return InputTokens(total)
    return InputTokens(total, cached=prefix) if answered else InputTokens(total, written=estimate(head))


def automatic_input(head: int, messages: Sequence[int], *, answered: bool) -> InputTokens:
    """Read sizes in bytes as OpenAI does: long prefixes are cached without being asked for, in steps of 128 tokens."""
    total, prefix = _total(head, messages)
    cached = prefix // _AUTOMATIC_STEP * _AUTOMATIC_STEP if answered and prefix >= _AUTOMATIC_LEAST else 0
    return InputTokens(total, cached)


def _total(head: int, messages: Sequence[int]) -> tuple[int, int]:
    prefix = estimate(head) + estimate(sum(messages[:-1]))
    return prefix + estimate(messages[-1] if messages else 0), prefix


def cut(text: str, tokens: int) -> str:
    """The longest beginning of a text that is no more than this many tokens."""
    return text.encode()[: tokens * BYTES_PER_TOKEN].decode(errors="ignore")


def pieces(text: str) -> list[str]:
    """Cut a text into the pieces that a stream sends one by one: words with the space before them, long ones in parts."""
    return _PIECE.findall(text)
