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


def refusals(dialect: Dialect, body: bytes, *, signed: Collection[str] = (), thinking: bool = False) -> list[str]:
    """Why a strict provider would refuse a request; empty where it would not.

    Args:
        dialect: The provider's.
        body: The request.
        signed: The signatures and encrypted thoughts that this very provider has given out. All others are foreign.
        thinking: Of Chat Completions: a model as DeepSeek's, which wants `reasoning_content` back with calls. OpenAI's knows no such field.
    """
    request = json.loads(body)
    refused = _RULES[dialect](request, signed)
    if thinking and dialect is Dialect.OPENAI_CHAT:
        refused += openai_chat.thoughtless(request)
    return [*refused, *types.refusals(dialect, request)]
