"""A simulated verify model: how it sees that it is to judge a draft, and what it makes of it. Pure."""

from __future__ import annotations

import re

from extproc.core.steps.judge import ACCEPT_WORD

_OPENS = "<<<DRAFT "
_CLOSES = " DRAFT>>>"
_CHATTER = " The draft is correct and complete."
_SHORT_WORDS = 20
_DOUBT = re.compile(r"\bmaybe\b", re.IGNORECASE)


def draft_in(prompt: str) -> str | None:
    """The draft that a prompt asks to be judged, without its fence; None where it asks for nothing of the kind."""
    if ACCEPT_WORD not in prompt:
        return None
    fence, _, rest = prompt.partition(_OPENS)[2].partition("\n")
    draft, closed, _ = rest.partition(f"\n{fence}{_CLOSES}")
    return draft if fence and closed else None


def accepts(draft: str, verdict: str) -> bool:
    """Whether a draft is accepted; `auto` looks at it: it must be long enough, and sure of itself."""
    if verdict == "auto":
        return len(draft.split()) >= _SHORT_WORDS and _DOUBT.search(draft) is None
    return verdict == "accept"


def acceptance(*, chatter: bool) -> str:
    """What the judge says who accepts."""
    return ACCEPT_WORD + _CHATTER if chatter else ACCEPT_WORD


def called(draft: str) -> frozenset[str]:
    """The names of the tools that a draft calls."""
    return frozenset(line.split(" ")[1] for line in draft.split("\n") if line.startswith("call "))
