"""OpenAI Responses (https://platform.openai.com/docs/api-reference/responses).

request    read for the rules
demands    read for what an answer is held against
edit       the few changes to it; history: which of its answers another provider wrote
features   what requests can hold, and what is carried
reading    a request in full → a conversation (transcript, content, tools: what it is made of)
writing    a conversation → a request (inputs: its items, models: what whose models take)
reader     events, or one body → pieces (events, output, parts, taking: what it is made of)
writer     pieces → events, or one body (items)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extproc.core.answers import Answer, Began, Demands, Piece
from extproc.core.conversation import Conversation, Manner
from extproc.core.dialects.base import openai_error
from extproc.core.dialects.contract import Changes
from extproc.core.dialects.openai_responses import demands, edit, features, history, models, reader, reading, request, writer, writing
from extproc.core.features import Feature, How
from extproc.core.vocabulary import Dialect, View
from extproc.core.wire.splice import Fields
from extproc.core.wire.sse import SseEvent, comment


class OpenAIResponses:
    """The dialect `openai_responses`."""

    name = Dialect.OPENAI_RESPONSES

    def view(self, fields: Fields) -> View:
        """Read what the rules look at. An `input` may be left out where the provider holds the conversation."""
        return request.view(fields)

    def demands(self, fields: Fields) -> Demands:
        """Read what any answer can be held against."""
        return demands.demands(fields)

    def changed(self, body: bytes, changes: Changes) -> bytes:
        """Give the request with another model or limit."""
        return edit.changed(body, changes)

    def extended(self, body: bytes, said: str) -> bytes:
        """Give the request with one more user message at its end."""
        return edit.extended(body, said)

    def question(self, body: bytes) -> bytes:
        """Give what is to be remembered of the newest question."""
        return history.question(body)

    def disowned(self, body: bytes, drafted: Callable[[bytes], bool]) -> bytes:
        """Give the request without what only the draft provider can make something of."""
        return history.disowned(body, drafted)

    def remembering(self, body: bytes, manner: Manner) -> bytes:  # noqa: ARG002 - no model is known that wants more
        """Give the request as it is."""
        return body

    fields = features.FIELDS
    carries = features.CARRIES

    def carried(self, manner: Manner) -> Mapping[Feature, How]:
        """Give what becomes of every feature in a request to this very model."""
        return models.carried(manner)

    def conversation(self, body: bytes) -> Conversation:
        """Read a whole request."""
        return reading.conversation(body)

    def asked(self, conversation: Conversation, manner: Manner) -> bytes:
        """Write a request."""
        return writing.asked(conversation, manner)

    def reader(self) -> reader.Reader:
        """Begin to read a streamed answer."""
        return reader.Reader()

    def whole(self, body: bytes) -> list[Piece]:
        """Read an answer that is not streamed."""
        return reader.whole(body)

    def writer(self, created_s: int, *, usage: bool = True) -> writer.Writer:  # noqa: ARG002
        """Begin to write a streamed answer; it tells its usage always."""
        return writer.Writer(created_s)

    def fold(self, answer: Answer, created_s: int) -> bytes:
        """Write an answer as one body."""
        return writer.fold(answer, created_s)

    def shown(self, event: SseEvent, *, usage: bool) -> bytes:  # noqa: ARG002
        """Give all of an event: the usage stands in the last one, for every client."""
        return event.raw

    def keepalive(self, *, held_id: str = "", first: bool = False) -> bytes:
        """Give an event where the answer may have an id of ours, and a comment where it may not.

        Codex does not count comments, so its idle timer (300 s) wants events. But the stream helpers of OpenAI's own SDKs raise at any
        event before `response.created` and at a second id, so an event needs a beginning of ours; and a client that lets its provider
        keep the conversation has to be given the provider's id.
        """
        if not held_id:
            return comment("keepalive")
        return writer.Writer(0).write(Began(held_id)) if first else writer.KEEPALIVE

    def error(self, status: int, message: str) -> bytes:
        """Write an error body."""
        return openai_error(status, message)

    def forgotten(self) -> tuple[int, bytes]:
        """Give the error that makes clients send the whole conversation in place of `previous_response_id`."""
        return 400, openai_error(
            400,
            "Previous response not found: the model that answers now does not hold this conversation. Send it as a whole.",
            param="previous_response_id",
            code="previous_response_not_found",
        )

    def error_event(self, status: int, message: str, *, answer_id: str = "") -> bytes:
        """Write what ends a stream with an error: `response.failed`, since agents pass over a bare `error`.

        OpenAI's own SDKs want its beginning before it, and the same id in both.
        """
        return writer.failed(status, message, answer_id)
