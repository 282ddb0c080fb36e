"""The client's side of a held exchange: what goes out, and what the last of it says.

Before anything has gone out a response may still be anything, an error with its own status included. After that a stream ends
with an event of its dialect, and a comment tells what the headers could not.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from extproc.core.commands import Command, Pairs
from extproc.core.dialects.contract import DialectSpec
from extproc.core.events import ResponseHeaders
from extproc.core.paths.closing import cost_of, last_words
from extproc.core.paths.outlet import Outlet
from extproc.core.records import CallNote, Content, Note
from extproc.core.vocabulary import Outcome
from extproc.core.wire.sse import comment

_LONGEST = 2_000
"""Characters of a header."""


class Response:
    """The response of one exchange."""

    def __init__(self, note: Note, spec: DialectSpec, *, stream: bool, held_id: str = "", debug: bool = False) -> None:
        self.note = replace(note, outcome=Outcome.FAILED)
        """What is known; if we are cut off, this is how it ended."""
        self._spec = spec
        self._stream = stream
        self._debug = debug
        self._outlet = Outlet()
        self._held_id = held_id
        """Id under which an answer may begin before it is known; empty where it must have its provider's."""
        self._renamed = False
        self._ids: list[bytes] = []
        """Ids that providers gave their answers, as JSON."""
        self._shown_id = b""
        """The one that the client has seen."""

    @property
    def open(self) -> bool:
        """A stream has begun, so its status and headers cannot be taken back."""
        return self._stream and self._outlet.started

    def placeholder(self, event: ResponseHeaders, seconds: float) -> list[Command]:
        """Envoy waits for a response: begin with it, or hold for so many seconds at most."""
        return self._outlet.placeholder(event, seconds)

    def trailers(self) -> None:
        """The placeholder has trailers, which Envoy wants answered at the end."""
        self._outlet.trailers = True

    def add(self, *rules: str) -> None:
        """Note why things go as they go."""
        self.note = replace(self.note, rules=(*self.note.rules, *rules))

    def lost(self, fields: Sequence[str]) -> None:
        """Note what of the request a model was not told, or not as it is."""
        if fields:
            self.note = replace(self.note, lossy=tuple(dict.fromkeys((*self.note.lossy, *fields))))

    def _told(self, headers: Pairs) -> Pairs:
        """Give headers with what they are to tell of a translation."""
        lossy = self.note.lossy if self._debug else ()
        return [*headers, ("x-cascade-lossy", ",".join(lossy)[:_LONGEST].encode())] if lossy else headers

    def saw(self, answer_id: str) -> None:
        """Note the id that a provider gave an answer."""
        if answer_id:
            self._ids.append(msgspec.json.encode(answer_id))

    def captured(self, contents: Sequence[Content]) -> None:
        """Note what the models were asked and have answered, where that is to be told."""
        if contents:
            self.note = replace(self.note, contents=tuple(contents))

    def by(self, model: str) -> None:
        """Note whose answer it is."""
        self.note = replace(self.note, model=model)

    def begin(self, status: int, headers: Pairs, now_s: float, outcome: Outcome | None = None) -> list[Command]:
        """Send a stream's status and headers, with the outcome where it is known already."""
        note = self.note if outcome is None else replace(self.note, outcome=outcome)
        started = self._outlet.start(status, self._told(headers), note, now_s, pending=outcome is None)
        # Envoy keeps the headers back until there is some body; a comment is what every client passes over.
        return started if outcome is not None else [*started, *self._outlet.open_with(comment("cascade held"))]

    def send(self, data: bytes, now_s: float) -> list[Command]:
        """Send a piece of a stream."""
        data = self._as_begun(data)
        if data and self.note.answered_s is None:
            self.note = replace(self.note, answered_s=now_s)
        self._shown_id = self._shown_id or next((own for own in self._ids if own in data), b"")
        return self._outlet.send(data, now_s)

    def keepalive(self, now_s: float, after_s: float) -> list[Command]:
        """Let a waiting client hear something, where it has heard nothing for so long."""
        if not self.open or now_s - self._outlet.last_s < after_s:
            return []
        first = not self._outlet.sent
        self._renamed = self._renamed or (first and bool(self._held_id))
        return self._outlet.send(self._spec.keepalive(held_id=self._held_id if self._renamed else "", first=first), now_s)

    def _as_begun(self, data: bytes) -> bytes:
        """Give an answer the id that it has begun with."""
        for own in self._ids if self._renamed else ():
            data = data.replace(own, msgspec.json.encode(self._held_id))
        return data

    def end(
        self, outcome: Outcome, calls: tuple[CallNote, ...], now_s: float, *, status: int, headers: Pairs, body: bytes
    ) -> list[Command]:
        """End it with the last piece of a stream, or with a whole body."""
        answered_s = now_s if self.note.answered_s is None and outcome is not Outcome.FAILED else self.note.answered_s
        note = self.note = replace(self.note, outcome=outcome, calls=calls, answered_s=answered_s)
        if self.open:
            return self._outlet.finish(note, self._as_begun(body) + last_words(note))
        cost = cost_of(note)
        headers = [*headers, ("x-cascade-cost-usd", cost.encode())] if cost else headers
        return [*self._outlet.start(status, self._told(headers), note, now_s), *self._outlet.finish(note, body)]

    def fail(self, status: int, message: str, calls: tuple[CallNote, ...], now_s: float) -> list[Command]:
        """End it with an error in the client's dialect."""
        self.by("")
        if self.open:
            shown = self._held_id if self._renamed else msgspec.json.decode(self._shown_id or b'""')
            body = self._spec.error_event(status, message, answer_id=shown)
            return self.end(Outcome.FAILED, calls, now_s, status=status, headers=[], body=body)
        headers: Pairs = [("content-type", b"application/json")]
        return self.end(Outcome.FAILED, calls, now_s, status=status, headers=headers, body=self._spec.error(status, message))
