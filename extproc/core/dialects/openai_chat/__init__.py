"""OpenAI Chat Completions, also as DeepSeek, vLLM, Ollama and many others speak it (https://platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extproc.core.answers import Answer, Demands, Piece
from extproc.core.conversation import Conversation, Manner
from extproc.core.dialects.base import openai_error
from extproc.core.dialects.contract import Changes, Reader, Writer
from extproc.core.dialects.openai_chat import demands, edit, features, models, reader, reading, request, writer, writing
from extproc.core.features import Feature, How
from extproc.core.vocabulary import Dialect, View
from extproc.core.wire.edit import parsed
from extproc.core.wire.splice import Fields
from extproc.core.wire.sse import SseEvent


class OpenAIChat:
    """The dialect `openai_chat`; what each method gives stands in `contract.DialectSpec`."""

    name = Dialect.OPENAI_CHAT

    def view(self, fields: Fields) -> View:
        """Read what the rules look at."""
        return request.view(fields)

    def demands(self, fields: Fields) -> Demands:
        """Read what any answer can be held against."""
        return demands.demands(fields)

    def changed(self, body: bytes, changes: Changes) -> bytes:
        """Give the request with a few other values."""
        return edit.changed(body, changes)

    def extended(self, body: bytes, said: str) -> bytes:
        """Give the request with one more user message at its end."""
        return edit.extended(body, said)

    def question(self, body: bytes) -> bytes:
        """Give what is to be remembered of the newest question."""
        return request.question(parsed(body)[1])

    def disowned(self, body: bytes, drafted: Callable[[bytes], bool]) -> bytes:  # noqa: ARG002
        """Give the request as it is: nothing in this dialect is signed."""
        return body

    def remembering(self, body: bytes, manner: Manner) -> bytes:
        """Give the request with a thought in each answer that calls, where the model wants one."""
        return edit.thoughtful(body) if models.wants_thoughts(manner) == "always" else body

    fields = features.FIELDS
    carries = features.CARRIES

    def carried(self, manner: Manner) -> Mapping[Feature, How]:
        """Give what becomes of every feature in a request to one model."""
        return models.carried(manner)

    def conversation(self, body: bytes) -> Conversation:
        """Read a whole request."""
        return reading.conversation(body)

    def asked(self, conversation: Conversation, manner: Manner) -> bytes:
        """Write a request."""
        return writing.asked(conversation, manner)

    def reader(self) -> Reader:
        """Begin to read a streamed answer."""
        return reader.ChatReader()

    def whole(self, body: bytes) -> list[Piece]:
        """Read an answer that is not streamed."""
        return reader.whole(body)

    def writer(self, created_s: int, *, usage: bool = True) -> Writer:
        """Begin to write a streamed answer."""
        return writer.ChatWriter(created_s, usage=usage)

    def fold(self, answer: Answer, created_s: int) -> bytes:
        """Write an answer as one body."""
        return writer.fold(answer, created_s)

    def shown(self, event: SseEvent, *, usage: bool) -> bytes:
        """Give the bytes of an event that the client is to see."""
        return reader.shown(event, usage=usage)

    def keepalive(self, *, held_id: str = "", first: bool = False) -> bytes:  # noqa: ARG002 - this chunk may come anywhere
        """Give a chunk that says nothing."""
        return writer.KEEPALIVE

    def error(self, status: int, message: str) -> bytes:
        """Write an error body."""
        return openai_error(status, message)

    def forgotten(self) -> tuple[int, bytes]:
        """Give a plain error: no provider holds conversations in this dialect."""
        return 400, openai_error(400, "The model that answers now does not hold this conversation. Send it as a whole.")

    def error_event(self, status: int, message: str, *, answer_id: str = "") -> bytes:  # noqa: ARG002 - errors have no id
        """Write the event that ends a stream with an error."""
        return writer.error_event(status, message)
