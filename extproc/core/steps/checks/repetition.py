"""Finds the end of a text in a loop: one and the same piece, over and over, to the last character."""

from __future__ import annotations

_WINDOW = 16_000
"""Characters at the end that are looked at; a loop does not stop, so it fills them."""
_KEY = 100
"""Characters at the very end whose earlier places give the lengths that the piece can have."""
_TIMES = 5
"""Repetitions of a loop, and …"""
_LEAST = 400
"""… the characters that they fill. A refrain is sung less often, a word for emphasis fills less."""


def loops(text: str) -> bool:
    """Whether a text ends in a loop.

    Only exact repetition counts, so lists, tables and code whose lines are merely alike do not. What closes behind its repetitions (an
    element, a fence, a bracket) was no loop. Rulers and columns of numbers have no letters; rows of a table may well be the same.
    """
    end = text[-2 * _WINDOW :].rstrip()[-_WINDOW:]
    at = end.rfind(end[-_KEY:], 0, len(end) - 1)
    while at >= 0:
        period = len(end) - min(_KEY, len(end)) - at
        filled = max(_LEAST, _TIMES * period)
        if filled > len(end):
            return False
        if end[-filled + period :] == end[-filled:-period]:
            return _telling(end[-period:], end)
        at = end.rfind(end[-_KEY:], 0, at + _KEY - 1)
    return False


def _telling(piece: str, end: str) -> bool:
    row = end[end.rfind("\n") + 1 :].lstrip()
    return any(map(str.isalpha, piece)) and not row.startswith("|")
