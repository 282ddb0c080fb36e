"""Request → label: the turn kind, a complexity score in [0, 1], and every rule that fired. No model is asked."""

from __future__ import annotations

import re
from functools import lru_cache

from extproc.core.steps.rules import BASE, RULES, Reading
from extproc.core.steps.turns import turn_of
from extproc.core.steps.words import EASY, HARD, SIGNS, Families, compiled, own_families, words_of
from extproc.core.vocabulary import Fired, Label, Policy, Request, View

__all__ = ["RULES", "classify"]

_BUILT_IN = compiled({**HARD, **EASY, **SIGNS})
_GENERAL = tuple(rule for rule in RULES if not rule.family and not rule.flag)
_FLAGGED = tuple((rule.flag, rule) for rule in RULES if rule.flag)
_BY_FAMILY = {rule.name: rule for rule in RULES if rule.family}
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_END = 1_500
"""Characters at either end of the newest text in which instructions are looked for; what is between is material."""


def classify(request: Request, policy: Policy) -> Label:
    """Judge one request. The heaviest rule comes first; names with a weight of 0 in the policy never fire."""
    own = _own(tuple(policy.keywords.items()))
    view = request.view
    reading = _read(view, own)
    fired = []
    asked = [*_GENERAL, *[rule for flag, rule in _FLAGGED if getattr(view, flag)]]
    asked += [_BY_FAMILY[name] for name in reading.families if name in _BY_FAMILY]
    for rule in asked:
        strength = rule.strength(reading)
        if strength:
            weight = policy.weights.get(rule.name, rule.weight) if policy.weights else rule.weight
            if weight:
                fired.append(Fired(rule.name, weight * strength))
    fired += [Fired(name, policy.weights.get(name, 0.0)) for name in policy.keywords if name in reading.families]
    fired.sort(key=lambda one: (-abs(one.weight), one.name))
    score = min(1.0, max(0.0, BASE + sum(one.weight for one in fired)))
    return Label(turn_of(request.view), score, tuple(fired))


def _read(view: View, own: Families) -> Reading:
    text = view.last_user_text
    told = _FENCED.sub(" ", text) if "```" in text else text
    instruction = (told if len(told) <= 2 * _END else f"{told[:_END]}\n{told[-_END:]}").lower()
    words = words_of(instruction)
    families = _BUILT_IN.found(instruction, words)
    if own.words or own.phrases:
        families |= own.found(instruction, words)
    return Reading(view, f"\n{text}", instruction, words, families)


@lru_cache(maxsize=8)
def _own(keywords: tuple[tuple[str, tuple[str, ...]], ...]) -> Families:
    return own_families(dict(keywords))
