"""Request → label: the turn kind, a complexity score in [0, 1], and every rule that fired. No model is asked."""

from __future__ import annotations

import re
from functools import lru_cache

from extproc.core.policy import Policy
from extproc.core.steps.rules import BASE, RULES
from extproc.core.steps.strengths import Reading, signs_of, strengths_of
from extproc.core.steps.turns import turn_of
from extproc.core.steps.words import EASY, HARD, SIGNS, Families, compiled, is_english, own_families, words_of
from extproc.core.vocabulary import Fired, Label, Request, View

__all__ = ["RULES", "classify"]

_NONE = own_families({})
_BUILT_IN = compiled({**HARD, **EASY, **SIGNS})
_WEIGHTS = {rule.name: rule.weight for rule in RULES}
_FENCE = "```"
_QUOTED = re.compile(r"\n[ \t]*+>[^\n]*+")
_ELEMENT = re.compile(r"<(documents?|document_content|context|transcript|article|file|email|quote|logs?|source)\b[^<>]*>")
_END = 1_500
"""Characters at either end of the newest text in which instructions are looked for; what is between is material."""


def classify(request: Request, policy: Policy) -> Label:
    """Judge one request. The heaviest rule comes first; names with a weight of 0 in the policy never fire."""
    view = request.view
    reading = _read(view, _own(tuple(policy.keywords.items())) if policy.keywords else _NONE)
    told, own = strengths_of(reading), policy.weights
    fired = [Fired(name, weight * strength) for name, strength in told.items() if (weight := own[name] if name in own else _WEIGHTS[name])]
    if policy.keywords:
        fired += [Fired(name, own[name]) for name in policy.keywords if name in reading.found and own.get(name)]
    if len(fired) > 1:
        fired.sort(key=lambda one: (-abs(one.weight), one.name))
    # Rounded, so that a score on a threshold does not depend on the order of the sum.
    score = round(min(1.0, max(0.0, BASE + sum([one.weight for one in fired]))), 6)
    return Label(turn_of(view), score, tuple(fired))


def _read(view: View, own: Families) -> Reading:
    text = view.last_user_text
    told = _without_material(text)
    instruction = (told if len(told) <= 2 * _END else f"{told[:_END]}\n{told[-_END:]}").lower().replace("’", "'")
    words = words_of(instruction)
    families = _BUILT_IN.found(instruction, words)
    if own is not _NONE:
        families |= own.found(instruction, words)
    english = is_english(text[:400], words, families)
    return Reading(view, text, instruction, words, families | signs_of(text), english)


def _without_material(text: str) -> str:
    """Give what is left to instruct when code, quotations and documents in tags are taken out; all of it where nothing is left."""
    told = _without_fenced(text) if _FENCE in text else text
    if ">" in told:
        told = _QUOTED.sub("\n ", f"\n{told}")[1:]
        told = _without_elements(told) if "</" in told else told
    return told if told.strip() else text


def _without_fenced(text: str) -> str:
    parts = text.split(_FENCE)
    return " ".join(parts[::2] if len(parts) % 2 else [*parts[::2], ""])  # the last fence may not be closed


def _without_elements(text: str) -> str:
    kept, at = [], 0
    while opened := _ELEMENT.search(text, at):
        closing = f"</{opened[1]}>"
        end = text.find(closing, opened.end())
        kept.append(text[at : opened.start() if end >= 0 else opened.end()])
        at = end + len(closing) if end >= 0 else opened.end()
    return "".join((*kept, text[at:]))


@lru_cache(maxsize=8)
def _own(keywords: tuple[tuple[str, tuple[str, ...]], ...]) -> Families:
    return own_families(dict(keywords))
