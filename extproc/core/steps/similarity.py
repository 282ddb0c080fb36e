"""How much two answers have in common: a measure over words, cheap enough for any answer. docs/shadow.md tells users the same."""

from __future__ import annotations

import re
from collections import Counter

from extproc.core.answers import Answer, Part

_MOST = 20_000
"""Characters of an answer that are looked at."""
_NO_SPACES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and ideographs: scripts without spaces, where each character counts as a word."""
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+")


def similarity(one: Answer, other: Answer) -> float:
    """Give the share of words that two answers have in common, from 0 to 1 (Sørensen–Dice over multisets of words).

    Twice the number of common words, by the number of all words. Case, order, punctuation and thinking do not count; the names and
    arguments of calls do. Of each answer the first 20,000 characters are looked at. Two answers without a word are the same.
    """
    first, second = _words(one), _words(other)
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0


def _words(answer: Answer) -> Counter[str]:
    said = " ".join([f"{block.name} {block.text}" for block in answer.blocks if block.part in {Part.TEXT, Part.CALL}])
    return Counter(_WORD.findall(said[:_MOST].casefold()))
