"""What the verify model's answer says about the draft, as its pieces come."""

from __future__ import annotations

from extproc.core.answers import Grew, Opened, Part, Piece
from extproc.core.steps.judge import Ruling, Verdict


class Judgement:
    """Finds the ruling. Thinking says nothing about it, and a call is an answer of its own."""

    def __init__(self) -> None:
        self._verdict = Verdict()
        self._part = Part.OTHER
        """Part of the answer that is open."""

    def heard(self, pieces: list[Piece]) -> Ruling:
        """Take the next pieces, up to the one that decides."""
        for piece in pieces:
            ruling = Ruling.UNDECIDED
            if isinstance(piece, Opened):
                self._part = piece.part
                ruling = Ruling.IMPROVED if piece.part is Part.CALL else ruling
            elif isinstance(piece, Grew) and self._part is Part.TEXT:
                ruling = self._verdict.feed(piece.text)
            if ruling is not Ruling.UNDECIDED:
                return ruling
        return Ruling.UNDECIDED

    def final(self, *, whole: bool) -> Ruling:
        """Give the ruling of an answer that has ended; one that broke off rules nothing."""
        return self._verdict.finish() if whole else Ruling.UNDECIDED
