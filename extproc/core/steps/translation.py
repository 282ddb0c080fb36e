"""One request on its way to models that do not speak its dialect: can they be asked at all, with which bytes, and what is lost.

The conversation is read once, and only where a model needs it. For a model that speaks the client's dialect nothing here does anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from extproc.core.conversation import Conversation, Loss, Manner, Message, Text, losses
from extproc.core.conversation import Role as Speaker
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.caching import marked
from extproc.core.dialects.crossing import Crossing
from extproc.core.errors import UnreadableError
from extproc.core.events import Headers
from extproc.core.features import Feature, How
from extproc.core.policy import Policy, Tongue
from extproc.core.steps.forward import end_to_end
from extproc.core.vocabulary import PATH_OF, Dialect, Request, Role, View

_NATIVE = Tongue()
_NOT_KEPT = re.compile(
    r"(anthropic-|openai-|x-stainless-|x-claude-|x-codex-|x-openai-|accept|content-encoding|x-app$|originator$"
    r"|authorization$|x-api-key$|api-key$)"
)
"""Beginnings of the headers that belong to one provider's API: its versions and betas, its SDKs' notes, its key."""
_VERSION = ("anthropic-version", b"2023-06-01")


class Interpreter:
    """Speaks for one request."""

    def __init__(self, request: Request, policy: Policy) -> None:
        self._request = request
        self._policy = policy
        self._read: Conversation | None = None
        dialect = request.dialect
        self._spoken = {
            Role.DRAFT: dialect if dialect in policy.draft_models else self._tongue(Role.DRAFT).dialect,
            Role.VERIFY: dialect if dialect in policy.verify_models else self._tongue(Role.VERIFY).dialect,
        }

    @property
    def conversation(self) -> Conversation:
        """The request in no dialect. UnreadableError where it cannot be read."""
        if self._read is None:
            self._read = DIALECTS[self._request.dialect].conversation(self._request.body)
        return self._read

    def spoken(self, role: Role) -> Dialect | None:
        """Say in which dialect a model is asked; None where it cannot be."""
        return self._spoken[role]

    def translates(self, role: Role) -> bool:
        """Whether a model is asked in another dialect than the client's."""
        spoken = self._spoken[role]
        return spoken is not None and spoken is not self._request.dialect

    def model(self, role: Role) -> str:
        """Give a model's name at its provider."""
        models = self._policy.draft_models if role is Role.DRAFT else self._policy.verify_models
        native = models.get(self._request.dialect)
        return (self._tongue(role).model if self.translates(role) else native) or self._request.model

    def obstacle(self, role: Role) -> str:
        """Name what a model cannot be told of this request although it matters; empty where there is no such thing."""
        lacks = self._tongue(role).lacks
        if lacks and (found := next((name for name in _asks(self._request.view) if name in lacks), "")):
            return found
        if not self.translates(role):
            return ""
        try:
            return next((str(loss.feature) for loss in self.losses(role) if loss.how is How.REFUSED), "")
        except UnreadableError as error:
            return error.rule

    def lost(self, role: Role) -> tuple[str, ...]:
        """Name the fields of the request that a model is not told of, or not as they are."""
        return tuple([_shown(loss) for loss in self.losses(role)]) if self.translates(role) else ()

    def body(self, role: Role, *, said: str = "", max_tokens: int | None = None) -> bytes:
        """Write the request in a model's dialect, with one more message of the user's, and a bound for the answer."""
        conversation = self.conversation
        if self.into(role) is Dialect.ANTHROPIC and self._tongue(role).cache_marks:
            conversation = marked(conversation)  # before more is said, so what is cached is the same whatever is asked
        if said:
            conversation = replace(conversation, messages=(*conversation.messages, Message(Speaker.USER, (Text(said),))))
        return DIALECTS[self.into(role)].asked(conversation, self.manner(role, max_tokens))

    def headers(self, role: Role, headers: Headers) -> list[tuple[str, bytes]]:
        """Give the headers of a translated call: those of no dialect, and the client's credential where that is wanted."""
        kept = [pair for pair in end_to_end(headers) if not _NOT_KEPT.match(pair[0])]
        into = self.into(role)
        if into is Dialect.ANTHROPIC:
            kept.append(_VERSION)
        if self._tongue(role).forward and (key := _credential(headers)):
            kept.append(("x-api-key", key) if into is Dialect.ANTHROPIC else ("authorization", b"Bearer " + key))
        return kept

    def path(self, role: Role) -> str:
        """Give the request path of a translated call."""
        return PATH_OF[self.into(role)]

    def crossing(self) -> Crossing:
        """Begin to take an answer back."""
        return Crossing(self.conversation.tools, self.conversation.stop)

    def into(self, role: Role) -> Dialect:
        """Give the dialect that a model is asked in, where it can be asked at all."""
        return self.spoken(role) or self._request.dialect

    def _tongue(self, role: Role) -> Tongue:
        return self._policy.tongues.get(role, _NATIVE)

    def losses(self, role: Role) -> Sequence[Loss]:
        """Say what is lost of a translated request. UnreadableError where it cannot be read."""
        return losses(self.conversation, DIALECTS[self.into(role)].carried(self.manner(role)))

    def manner(self, role: Role, max_tokens: int | None = None) -> Manner:
        """Say how a model wants to be asked."""
        tongue = self._tongue(role)
        return Manner(self.model(role), max_tokens, tongue.thoughts, tongue.limit, tongue.thinking)


def _asks(view: View) -> list[str]:
    """What a request asks of a model that not every model has."""
    asked = {"images": view.images, "documents": view.documents, "tools": view.tools, "json_schema": view.json_schema}
    return [name for name, there in asked.items() if there]


def _shown(loss: Loss) -> str:
    """A loss, for headers and metrics: the client's own words for fields that we do not know stay out of both."""
    return "unknown" if loss.feature is Feature.UNKNOWN else loss.field


def _credential(headers: Headers) -> bytes:
    """The key that the client sent, wherever its dialect has it."""
    plain = headers.get("x-api-key") or headers.get("api-key")
    bearer = headers.get("authorization")
    kind, _, token = bearer.partition(" ")
    return (plain or (token.strip() if kind.lower() == "bearer" else "")).encode("latin-1")
