"""What the client gets of a draft, and when: as a rule nothing before it has passed, and then all of it as it came.

With `check.stream_text` its text flows at once and only its calls are held. Then the client's message has begun, so it is
written by us from the first event on, and what the verify model answers after a failed check goes on in the same message.
"""

from __future__ import annotations

from collections.abc import Sequence

from extproc.core.answers import Began, Closed, Ended, Erred, Grew, Opened, Part, Piece, Signed, Stopped
from extproc.core.dialects.contract import DialectSpec, Writer
from extproc.core.paths.intake import Item

_FLOWING = frozenset({Part.TEXT, Part.THINKING})


class Release:
    """Holds a draft back."""

    def __init__(self, writer: Writer | None) -> None:
        """Begin; a writer makes text flow at once."""
        self._writer = writer
        self._raw: list[bytes] = []
        self._pieces: list[Piece] = []
        self._held = False
        self._open = False
        self.flowed = False
        """The client has seen some of it."""

    @classmethod
    def of(cls, spec: DialectSpec, created_s: int, *, text_flows: bool, usage: bool) -> Release:
        """Begin to hold a draft of this dialect."""
        return cls(spec.writer(created_s, usage=usage) if text_flows else None)

    def take(self, item: Item) -> bytes:
        """Take the next of the draft; gives what may go to the client already."""
        if self._writer is None:
            self._raw.append(item.shown)
            return b""
        return b"".join([self._flow(piece, self._writer) for piece in item.pieces])

    def _flow(self, piece: Piece, writer: Writer) -> bytes:
        """Give what of the draft flows with this piece. From the first call, and from the end on, all is held."""
        if isinstance(piece, Stopped | Ended | Erred) or (isinstance(piece, Opened) and piece.part not in _FLOWING):
            self._held = True
        # A message of which nothing has been seen can still be another's, so its beginning waits for the first text.
        if self._held or not (self.flowed or isinstance(piece, Opened)):
            self._pieces.append(piece)
            return b""
        self.flowed = True
        self._open = isinstance(piece, Opened | Grew | Signed) or (self._open and not isinstance(piece, Closed))
        return self._written(self._drain(), writer) + writer.write(piece)

    def but_last(self) -> bytes:
        """The draft has passed: give it without its last event, which `rest` gives."""
        out, self._raw = self._raw[:-1], self._raw[-1:]
        return b"".join(out)

    def rest(self) -> bytes:
        """The draft has passed: give all that is still held, once."""
        raw, self._raw = self._raw, []
        return b"".join(raw) if self._writer is None else self._written(self._drain(), self._writer)

    def continued(self, pieces: Sequence[Piece]) -> bytes:
        """Go on in the client's message with another model's answer; what is still held of the draft is dropped."""
        if self._writer is None:
            return b""
        self._pieces = [Closed()] if self._open else []
        self._open = False
        return self._written([*self._drain(), *[piece for piece in pieces if not isinstance(piece, Began)]], self._writer)

    def _drain(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _written(self, pieces: Sequence[Piece], writer: Writer) -> bytes:
        return b"".join([writer.write(piece) for piece in pieces])
