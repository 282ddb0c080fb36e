"""Request and decision → the bytes and headers that leave. Only what must change, changes."""

from __future__ import annotations

import re
from contextlib import suppress

from extproc.core.conversation import Manner
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.contract import Changes
from extproc.core.dialects.makers import checks_signatures
from extproc.core.errors import UnreadableError
from extproc.core.events import Headers
from extproc.core.steps.provenance import Drafted
from extproc.core.vocabulary import Dialect, Request, Role, Turn
from extproc.core.wire.splice import holds, splice

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host", "expect"}
)
_OURS = ("x-cascade-", "x-envoy-", ":")
_THOUGHT, _SEALED = b'"thinking"', b"encrypted_content"
_SIGNED = {Dialect.ANTHROPIC: (_THOUGHT,), Dialect.OPENAI_CHAT: (_THOUGHT, _SEALED), Dialect.OPENAI_RESPONSES: (_SEALED,)}
"""Signs of a client that keeps a model's thinking and sends it back."""
_NOT_SHOWN = re.compile(r"[^!-~]")
_NAME_LENGTH = 120


def body_for(request: Request, model: str) -> bytes | None:
    """Give the client's bytes with the model's name put in, or None where they are right as they are."""
    return None if model == request.model else splice(request.body, request.model_start, request.model_end, model)


def body_to(role: Role, request: Request, manner: Manner, drafted: Drafted) -> bytes | None:
    """Give the bytes for a model, with the thinking in them that its provider takes, or None where they are right as they are."""
    model = manner.model
    body = remembering(request.dialect, disowned(role, request.dialect, request.body, manner, drafted), manner)
    if body is request.body:
        return body_for(request, model)
    return body if model == request.model else DIALECTS[request.dialect].changed(body, Changes(model=model))


def disowned(role: Role, dialect: Dialect, body: bytes, manner: Manner, drafted: Drafted) -> bytes:
    """Give a request without the thinking that the other provider has signed; the same object where there is none to be found.

    Where neither the configuration nor the model's name says whether its provider looks at signatures, verify's does and draft's does not.
    """
    looks = checks_signatures(manner.model, unless_known=role is Role.VERIFY) if manner.thoughts == "auto" else manner.thoughts == "never"
    if not looks:
        return body
    try:
        return DIALECTS[dialect].disowned(body, drafted.knows if role is Role.VERIFY else lambda question: not drafted.knows(question))
    except UnreadableError:
        return body  # as the client has it: what cannot be read for certain is not cut into


def remembering(dialect: Dialect, body: bytes, manner: Manner) -> bytes:
    """Give a request with what its model wants to find in earlier answers; the same object where nothing is missing."""
    try:
        return DIALECTS[dialect].remembering(body, manner)
    except UnreadableError:
        return body


def remember(request: Request, drafted: Drafted, turn: str = "") -> None:
    """Keep in mind that the draft model answers this, where its answer may hold thinking that it has signed.

    Answers to an agent's own chores come back in no conversation; but the same words may be asked of another model, as titles are.
    """
    if turn != Turn.INTERNAL and any(holds(request.body, sign) for sign in _SIGNED[request.dialect]):
        with suppress(UnreadableError):
            drafted.remember(DIALECTS[request.dialect].question(request.body))


def end_to_end(headers: Headers) -> list[tuple[str, bytes]]:
    """Give the headers that a proxy passes on (RFC 9110 §7.6.1), without those that only we and Envoy exchange."""
    named = headers.get("connection").lower().replace(" ", "").split(",")
    return [(key, value) for key, value in headers.pairs if key not in _HOP_BY_HOP and not key.startswith(_OURS) and key not in named]


def shown_name(model: str) -> str:
    """Give a model's name as it may stand in headers and logs: a client can send any text under this name."""
    name = model[:_NAME_LENGTH]
    return name if name.isascii() and name.isprintable() and " " not in name else _NOT_SHOWN.sub("?", name)
