"""The answer of a model in another dialect, as its pieces come in, told in the client's dialect: an intake around an intake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from extproc.core.answers import Answer, Began, Counted, Ended, Gathering, Grew, Piece
from extproc.core.dialects.contract import DialectSpec
from extproc.core.dialects.crossing import Crossing
from extproc.core.paths.intake import Intake, Item
from extproc.core.vocabulary import Dialect, Usage

_PREFIX = {Dialect.ANTHROPIC: "msg_", Dialect.OPENAI_CHAT: "chatcmpl-", Dialect.OPENAI_RESPONSES: "resp_"}

Estimate = Callable[[Answer], Usage]
"""Says what an answer, as far as it came, may have used."""


class Translated:
    """Tells an answer in the client's dialect. Raises as the intake that it reads from."""

    def __init__(self, inner: Intake, crossing: Crossing, spec: DialectSpec, seed: str) -> None:
        """Begin; `seed` makes the answer's id in the shape that the dialect has."""
        self._inner = inner
        self._crossing = crossing
        self._spec = spec
        self._id = _PREFIX[spec.name] + seed
        self._gathering = Gathering()

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take the next bytes."""
        return self._told(self._inner.feed(data))

    def finish(self) -> Iterator[Item]:
        """The body has ended."""
        return self._told(self._inner.finish())

    def answer(self) -> Answer:
        """Give what has been understood so far."""
        return self._gathering.answer()

    def _told(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            pieces = self._crossing.take(item.pieces)
            if pieces and isinstance(began := pieces[0], Began):  # it is the first piece of all
                pieces = [Began(self._id, began.model), *pieces[1:]]
            self._gathering.take(pieces)
            yield Item(self._shown(pieces), pieces)

    def _shown(self, pieces: list[Piece]) -> bytes:
        raise NotImplementedError


class TranslatedWhole(Translated):
    """One that comes as one body."""

    def __init__(self, inner: Intake, crossing: Crossing, spec: DialectSpec, seed: str, created_s: int) -> None:
        super().__init__(inner, crossing, spec, seed)
        self._created_s = created_s

    def _shown(self, pieces: list[Piece]) -> bytes:  # noqa: ARG002 - all of them are in the answer by now
        return self._spec.fold(self.answer(), self._created_s)


class TranslatedStream(Translated):
    """One that is streamed: every piece is written as soon as it is in.

    Clients rely on usage, also at a stream's beginning, where not every dialect has it: until the provider tells, we estimate.
    """

    def __init__(
        self, inner: Intake, crossing: Crossing, spec: DialectSpec, seed: str, created_s: int, estimate: Estimate, *, usage: bool
    ) -> None:
        super().__init__(inner, crossing, spec, seed)
        self._writer = spec.writer(created_s, usage=usage)
        self._estimate = estimate
        self._counted = self._ended = False

    def finish(self) -> Iterator[Item]:
        """The body has ended."""
        yield from super().finish()
        if not self._ended and self._inner.answer().ended:
            # Not every server of Chat Completions sends its last event.
            self._gathering.take([Ended()])
            yield Item(self._shown([Ended()]), [Ended()])

    def _shown(self, pieces: list[Piece]) -> bytes:
        if len(pieces) == 1 and type(pieces[0]) is Grew:
            return self._writer.write(pieces[0])
        told = any(isinstance(piece, Counted) for piece in pieces)
        self._counted = self._counted or told
        written = []
        for piece in pieces:
            if isinstance(piece, Ended):
                self._ended = True
                written.append(b"" if self._counted else self._estimated())
            written.append(self._writer.write(piece))
            if isinstance(piece, Began) and not told:
                written.append(self._estimated())
        return b"".join(written)

    def _estimated(self) -> bytes:
        return self._writer.write(Counted(self._estimate(self.answer())))
