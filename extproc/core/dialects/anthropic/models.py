"""What the names of models tell about how they are asked to think."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from extproc.core.conversation import Manner
from extproc.core.dialects.anthropic.features import CARRIES
from extproc.core.features import Feature, How

_BUDGETED = re.compile(r"claude-(?:3[-.]7|(?:opus|sonnet|haiku)-4(?:[-.@](?:[0-5](?!\d)|\d{8}|latest)|$))")
"""Claude up to 4.5 wants a number of tokens; later ones decide for themselves, and the latest refuse a number."""
_THOUGHTLESS = re.compile(r"claude-(?:2|instant|3(?![-.]7))")


def way_of(manner: Manner) -> str:
    """Give the way in which a model is asked to think: `adaptive`, `budget` or `never`.

    Other makers' models in this dialect know the older way.
    """
    if manner.thinking in {"adaptive", "budget", "never"}:
        return manner.thinking
    if _THOUGHTLESS.search(manner.model):
        return "never"
    return "adaptive" if "claude-" in manner.model and not _BUDGETED.search(manner.model) else "budget"


@lru_cache(maxsize=64)
def carried(manner: Manner) -> Mapping[Feature, How]:
    """Give what becomes of every feature in a request to this very model."""
    told = way_of(manner) != "never"
    return CARRIES if told else {**CARRIES, **dict.fromkeys((Feature.THINKING, Feature.EFFORT, Feature.THINKING_SHOWN), How.DROPPED)}
