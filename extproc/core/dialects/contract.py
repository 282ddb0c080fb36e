"""What every dialect must give. All that is outside of this folder speaks to dialects through these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from extproc.core.answers import Answer, Demands, Piece
from extproc.core.conversation import Conversation, Manner
from extproc.core.features import Feature, How
from extproc.core.vocabulary import Dialect, View
from extproc.core.wire.splice import Fields
from extproc.core.wire.sse import SseEvent


class Changes(msgspec.Struct, frozen=True, gc=False):
    """Values of a request that a side call changes; None leaves one as the client has it."""

    model: str | None = None
    max_tokens: int | None = None
    """Most tokens for the answer, under whichever key the dialect and this client have it."""
    tell_usage: bool = False
    """Make sure that a streamed answer tells its usage (Chat Completions must be asked for it)."""
    no_thinking: bool = False
    """Switch the thinking off that the client asked for."""


class Reader(Protocol):
    """Reads one streamed answer."""

    def read(self, event: SseEvent) -> list[Piece]:
        """Give the pieces of the next event; none for what says nothing (pings, comments, events not known yet).

        Raises:
            MalformedError: the event is not JSON, or not where the dialect allows it.
        """


class Writer(Protocol):
    """Writes one streamed answer: coherent ids, indices and usage, and exactly one end."""

    def write(self, piece: Piece) -> bytes:
        """Give the events of the next piece; empty where there is nothing to tell yet. After `Ended` or `Erred` always empty."""


class DialectSpec(Protocol):
    """One wire API."""

    name: Dialect

    # The request.

    def view(self, fields: Fields) -> View:
        """Read what the rules look at. UnreadableError where a field that matters is not what the dialect says."""

    def demands(self, fields: Fields) -> Demands:
        """Read what any answer can be held against. What is odd counts as not asked for."""

    def changed(self, body: bytes, changes: Changes) -> bytes:
        """Give the client's request with the few other values; all other bytes as they came. UnreadableError as `wire.edit`."""

    def extended(self, body: bytes, said: str) -> bytes:
        """Give the client's request with one more user message at the end of the conversation; all bytes before it as they came."""

    def question(self, body: bytes) -> bytes:
        """Give what is to be remembered of the newest question, that is of all that stands behind the last answer; see `disowned`."""

    def disowned(self, body: bytes, drafted: Callable[[bytes], bool]) -> bytes:
        """Give the client's request without the signed thinking of answers that another provider wrote, still a valid conversation.

        `drafted` says whether the answer to a question (as `question` gives it) is the draft model's. The very same bytes object
        where there is nothing to take out, which costs one search for the telling key.
        """

    def remembering(self, body: bytes, manner: Manner) -> bytes:
        """Give the client's request with what a model wants to find in earlier answers, and refuses to miss where another gave them.

        The very same bytes object where nothing is missing; all other bytes as they came.
        """

    # The request, in another dialect than the client's.

    fields: Mapping[str, Feature]
    """What this dialect's requests can hold, by the names of their fields as the docs show them."""
    carries: Mapping[Feature, How]
    """What becomes of every feature in a request of this dialect."""

    def carried(self, manner: Manner) -> Mapping[Feature, How]:
        """Give `carries` as it is for one model: some take less than their dialect has."""

    def conversation(self, body: bytes) -> Conversation:
        """Read a whole request. UnreadableError where it is not what the dialect says; whatever else it holds stands in `held`."""

    def asked(self, conversation: Conversation, manner: Manner) -> bytes:
        """Write a request, the same always as the same bytes. What `carries` does not call carried is left out or approximated."""

    # The answer.

    def reader(self) -> Reader:
        """Begin to read a streamed answer."""

    def whole(self, body: bytes) -> list[Piece]:
        """Read an answer that is not streamed. MalformedError where it is none."""

    def writer(self, created_s: int, *, usage: bool = True) -> Writer:
        """Begin to write a streamed answer. `usage`: tell it (Chat Completions tells it only where the client asked)."""

    def fold(self, answer: Answer, created_s: int) -> bytes:
        """Write an answer as one body."""

    def shown(self, event: SseEvent, *, usage: bool) -> bytes:
        """Give the bytes of an event that the client is to see: all, or none of a usage that only we asked for (`usage` false)."""

    def keepalive(self, *, held_id: str = "", first: bool = False) -> bytes:
        """Give what real clients take for a sign of life before an answer.

        `held_id`: the id under which the answer will go out, if it may have another than its provider gave it; `first`: nothing has
        been sent before.
        """

    def error(self, status: int, message: str) -> bytes:
        """Write an error body as the dialect's SDKs expect it."""

    def forgotten(self) -> tuple[int, bytes]:
        """Give status and body of the error that makes clients send a whole conversation that they think a server keeps."""

    def error_event(self, status: int, message: str, *, answer_id: str = "") -> bytes:
        """Write what ends a stream with an error, as real clients understand it. `answer_id`: the id that the client has seen."""
