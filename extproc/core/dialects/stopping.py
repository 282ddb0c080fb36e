"""Stop sequences of the client's, held against an answer here: OpenAI's Responses and its reasoning models take none.

The answer ends for the client where a sequence begins; what the model writes behind it is passed over, and counted. Held back is no
more than what may be the beginning of a sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extproc.core.answers import Closed, Counted, Ended, Erred, Grew, Opened, Part, Piece, Stop, Stopped


class Stopping:
    """Takes the pieces of one answer."""

    def __init__(self, sequences: Sequence[str]) -> None:
        """Begin, with the client's stop sequences."""
        self._sequences = [sequence for sequence in sequences if sequence]
        self._in_text = self._met = False
        self._held = ""

    def take(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Give the pieces up to the first sequence."""
        taken: list[Piece] = []
        for piece in pieces:
            taken += self._behind(piece) if self._met else self._take(piece)
        return taken

    def _take(self, piece: Piece) -> list[Piece]:
        match piece:
            case Opened():
                self._in_text = piece.part is Part.TEXT
            case Grew() if self._in_text:
                return self._grew(self._held + piece.text)
            case Closed() if self._held:
                said, self._held = self._held, ""
                return [Grew(said), piece]
        return [piece]

    def _grew(self, text: str) -> list[Piece]:
        # The one that is whole first counts, as where a model writes it bit by bit.
        found = [(at + len(sequence), at, sequence) for sequence in self._sequences if (at := text.find(sequence)) >= 0]
        if found:
            _, at, sequence = min(found)
            self._met, self._held = True, ""
            return [*([Grew(text[:at])] if at else []), Closed(), Stopped(Stop.SEQUENCE, sequence)]
        kept = max([_begun(text, sequence) for sequence in self._sequences], default=0)
        self._held = text[len(text) - kept :]
        return [Grew(text[: len(text) - kept])] if kept < len(text) else []

    def _behind(self, piece: Piece) -> list[Piece]:
        """What comes behind the end: what it has cost, and that it is over, however it is."""
        match piece:
            case Counted() | Ended():
                return [piece]
            case Erred():
                return [Ended()]
        return []


def _begun(text: str, sequence: str) -> int:
    """How many characters at the end of a text may begin a sequence."""
    return next((size for size in range(min(len(sequence) - 1, len(text)), 0, -1) if text.endswith(sequence[:size])), 0)
