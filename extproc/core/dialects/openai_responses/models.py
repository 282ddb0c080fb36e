"""What the names of models tell about how they are asked. What a model is not known to take is left out, as many servers refuse it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from extproc.core.conversation import Manner
from extproc.core.dialects.makers import is_openais, is_reasoner
from extproc.core.dialects.openai_responses.features import CARRIES
from extproc.core.features import Feature, How


def thinks(manner: Manner) -> bool:
    """Whether a model is told how much to think: all but OpenAI's that do not reason, who refuse to be told.

    Others that serve this API do so for models that reason; a refusal leads to the other model, and is remembered.
    """
    if manner.thinking != "auto":
        return manner.thinking != "never"
    return is_reasoner(manner.model) or not is_openais(manner.model)


@lru_cache(maxsize=64)
def carried(manner: Manner) -> Mapping[Feature, How]:
    """Give what becomes of every feature in a request to this very model."""
    if is_reasoner(manner.model):
        changed = {Feature.TEMPERATURE: How.DROPPED, Feature.TOP_P: How.DROPPED}
    else:
        changed = {Feature.VERBOSITY: How.DROPPED, Feature.CUSTOM_TOOLS: How.APPROXIMATED}
    if not thinks(manner):
        changed |= dict.fromkeys((Feature.THINKING, Feature.EFFORT, Feature.THINKING_SHOWN), How.DROPPED)
    return {**CARRIES, **changed}
