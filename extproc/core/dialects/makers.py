"""What the name of a model tells about its maker's rules, through whichever dialect it is asked."""

from __future__ import annotations

import re

_REASONER = re.compile(r"(?:^|/)(?:o[1-9](?:-|$)|gpt-[5-9](?!.*chat))")
_SINGLE = re.compile(r"(?:^|/)o[1-9](?:-|$)")


def is_reasoner(model: str) -> bool:
    """Whether it is one of OpenAI's that reason: no sampling parameters, no stop sequences."""
    return _REASONER.search(model) is not None


def takes_parallel(model: str) -> bool:
    """Whether it can be told to call one tool at a time: OpenAI's `o…` do so anyway, and refuse to be told."""
    return _SINGLE.search(model) is None
