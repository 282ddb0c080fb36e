"""What a strict provider refuses, as code: what is of no type of the official SDKs, and what only documents and error messages tell.

types       the SDKs' own types, without any field that they do not know
anthropic, openai_chat, openai_responses   each API's rules
common      rules for ids, names and schemas
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping

from extproc.core.vocabulary import Dialect
from tests.support.strict import anthropic, openai_chat, openai_responses, types
from tests.support.strict.common import Json

_RULES: Mapping[Dialect, Callable[[Json, Collection[str]], list[str]]] = {
    Dialect.ANTHROPIC: anthropic.refusals,
    Dialect.OPENAI_CHAT: openai_chat.refusals,
    Dialect.OPENAI_RESPONSES: openai_responses.refusals,
}


def refusals(dialect: Dialect, body: bytes, *, signed: Collection[str] = ()) -> list[str]:
    """Why a strict provider would refuse a request; empty where it would not.

    `signed`: the signatures and encrypted thoughts that this very provider has given out. All others are foreign.
    """
    request = json.loads(body)
    return [*types.refusals(dialect, request), *_RULES[dialect](request, signed)]
