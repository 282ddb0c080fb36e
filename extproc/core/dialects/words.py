"""Words that mean the same in several dialects."""

from __future__ import annotations

from hashlib import blake2b

_EFFORTS = {"none": "none", "minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_MUCH = 8_000
_SOME = 2_000
"""Tokens of thinking above which an effort counts as high, or as medium."""


def effort_of(word: str, budget: int | None = None) -> str:
    """Give an effort in the words that most models know (none, minimal, low, medium, high), from one, or from a budget; or none of them."""
    if word in _EFFORTS:
        return _EFFORTS[word]
    if budget is None:
        return ""
    return "high" if budget > _MUCH else "medium" if budget > _SOME else "low"


def short(user: str, longest: int) -> str:
    """Give a name for the end user; one that is too long as a mark that is the same whenever the name is."""
    return user if len(user) <= longest else f"user_{blake2b(user.encode(errors='replace'), digest_size=16).hexdigest()}"
