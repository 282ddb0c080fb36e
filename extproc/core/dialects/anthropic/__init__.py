"""Anthropic Messages (https://docs.anthropic.com/en/api/messages).

request, demands   a request, read
edit, drafted      a request, changed
reader, writer     answers
errors             the API's errors
"""

from __future__ import annotations

from extproc.core.answers import Answer
from extproc.core.conversation import Manner
from extproc.core.dialects.anthropic import demands, drafted, edit, errors, features, models, reading, request, writer, writing
from extproc.core.dialects.anthropic.reader import Reader, whole
from extproc.core.dialects.anthropic.writer import Writer
from extproc.core.vocabulary import Dialect
from extproc.core.wire.sse import SseEvent, event

_PING = event("ping", b'{"type":"ping"}')


class Anthropic:
    """The dialect `anthropic`. Its answers tell no time, and always their usage."""

    name = Dialect.ANTHROPIC

    view = staticmethod(request.view)
    demands = staticmethod(demands.demands)
    changed = staticmethod(edit.changed)
    extended = staticmethod(edit.extended)
    question = staticmethod(drafted.question)
    disowned = staticmethod(drafted.disowned)

    def remembering(self, body: bytes, manner: Manner) -> bytes:  # noqa: ARG002 - no model is known that wants more
        """Give the request as it is."""
        return body

    fields = features.FIELDS
    carries = features.CARRIES
    carried = staticmethod(models.carried)

    conversation = staticmethod(reading.conversation)
    asked = staticmethod(writing.asked)

    reader = Reader
    whole = staticmethod(whole)
    error = staticmethod(errors.error)
    forgotten = staticmethod(errors.forgotten)

    def writer(self, created_s: int, *, usage: bool = True) -> Writer:  # noqa: ARG002 - the contract's
        """Begin to write a streamed answer."""
        return Writer()

    def fold(self, answer: Answer, created_s: int) -> bytes:  # noqa: ARG002 - the contract's
        """Write an answer as one body."""
        return writer.fold(answer)

    def shown(self, event: SseEvent, *, usage: bool) -> bytes:  # noqa: ARG002 - the contract's
        """Give the bytes of an event that the client is to see: all of them, always."""
        return event.raw

    def error_event(self, status: int, message: str, *, answer_id: str = "") -> bytes:  # noqa: ARG002 - errors have no id
        """Write the event that ends a stream with an error."""
        return errors.error_event(status, message)

    def keepalive(self, *, held_id: str = "", first: bool = False) -> bytes:  # noqa: ARG002 - a ping may come anywhere
        """Give the event that every client of this dialect passes over, wherever it comes."""
        return _PING
