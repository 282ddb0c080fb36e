"""What the names of models tell about how they are asked. What a model is not known to take is left out, as many servers refuse it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from extproc.core.conversation import Manner
from extproc.core.dialects.makers import is_openais, is_reasoner
from extproc.core.dialects.openai_chat.features import CARRIES
from extproc.core.features import Feature, How

_EFFORT = re.compile(r"gpt-oss")
"""Others that know `reasoning_effort`."""
_SWITCH = re.compile(r"deepseek")
"""Models whose thinking is switched on and off under `thinking`, and who want all earlier thinking back with calls."""
_LEFT_OUT: Mapping[Feature, How] = {
    Feature.TEMPERATURE: How.DROPPED,
    Feature.TOP_P: How.DROPPED,
    Feature.PENALTIES: How.DROPPED,
    Feature.LOGIT_BIAS: How.REFUSED,
    Feature.STOP: How.APPROXIMATED,
}
"""What OpenAI's reasoning models do not take; stop sequences are held against their answers instead."""


def limit_key(manner: Manner) -> str:
    """Give the key for the limit of an answer.

    `max_tokens` is the one that every server knows; OpenAI's reasoning models refuse it.
    """
    if manner.limit in {"max_tokens", "max_completion_tokens"}:
        return manner.limit
    return "max_completion_tokens" if is_reasoner(manner.model) else "max_tokens"


def way_of(manner: Manner) -> str:
    """Give the way in which a model is asked to think: `effort`, `switch` or `never`."""
    if manner.thinking in {"effort", "switch", "never"}:
        return manner.thinking
    if is_reasoner(manner.model) or _EFFORT.search(manner.model):
        return "effort"
    return "switch" if _SWITCH.search(manner.model) else "never"


def wants_thoughts(manner: Manner) -> str:
    """Give which earlier thoughts a model is told: `auto`, `always` or `never`."""
    if manner.thoughts != "auto":
        return manner.thoughts
    return "never" if is_openais(manner.model) else "always" if _SWITCH.search(manner.model) else "auto"


@lru_cache(maxsize=64)
def carried(manner: Manner) -> Mapping[Feature, How]:
    """Give what becomes of every feature in a request to this very model."""
    changed: dict[Feature, How] = {}
    if is_reasoner(manner.model):
        changed |= _LEFT_OUT
    else:
        changed[Feature.VERBOSITY] = How.DROPPED
    if way_of(manner) == "never":
        changed |= {Feature.THINKING: How.DROPPED, Feature.EFFORT: How.DROPPED}
    if wants_thoughts(manner) == "never":
        changed[Feature.THOUGHTS] = How.DROPPED
    return {**CARRIES, **changed}
