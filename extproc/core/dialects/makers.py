"""What the name of a model tells about its maker's rules, through whichever dialect it is asked."""

from __future__ import annotations

import re

_REASONER = re.compile(r"(?:^|/)(?:o[1-9](?:-|$)|gpt-[5-9](?!.*chat))")
_OPENAI = re.compile(r"(?:^|/)(?:o[1-9](?:-|$)|gpt-(?!oss)|chatgpt)")
_SINGLE = re.compile(r"(?:^|/)o[1-9](?:-|$)")
_SIGNS = re.compile(r"claude|(?:^|/)(?:o[1-9](?:-|$)|gpt-(?!oss)|chatgpt|codex)")
_REMEMBERS = re.compile(r"deepseek")


def checks_signatures(model: str, *, unless_known: bool) -> bool:
    """Whether its provider refuses thinking that another one has signed; `unless_known`: what holds for makers not known here.

    DeepSeek's takes any thinking, and refuses calls without the thinking before them, whoever made them.
    """
    return _SIGNS.search(model) is not None or (unless_known and _REMEMBERS.search(model) is None)


def is_openais(model: str) -> bool:
    """Whether it is one of OpenAI's own, served by themselves or under their names elsewhere; their open models are not meant."""
    return _OPENAI.search(model) is not None


def is_reasoner(model: str) -> bool:
    """Whether it is one of OpenAI's that reason: no sampling parameters, no stop sequences."""
    return _REASONER.search(model) is not None


def takes_parallel(model: str) -> bool:
    """Whether it can be told to call one tool at a time: OpenAI's `o…` do so anyway, and refuse to be told."""
    return _SINGLE.search(model) is None
