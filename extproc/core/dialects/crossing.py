"""An answer on its way from the dialect of the model to that of the client: what is bound to the model's dialect stays behind.

Calls get the tool's own name and form back, ids a shape that every provider takes when they come back, and signatures are dropped:
thinking from one provider is never presented as signed by another. A text that says nothing is left out: open models write white
space in front of calls, and Claude refuses it when it comes back. Held are only that space, and the input of a custom tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from extproc.core.answers import Began, Closed, Form, Grew, Opened, Part, Piece, Signed, Stop, Stopped
from extproc.core.conversation import Tool, fitted, fitted_id
from extproc.core.dialects.stopping import Stopping

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_ODD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_MOST_BLANK = 100
"""Pieces of white space that are held at the beginning of a text."""
INPUT = "input"
"""The one argument of a custom tool that is offered as a function."""


class Crossing:
    """Takes the pieces of one answer."""

    def __init__(self, tools: Sequence[Tool], stop: Sequence[str] = ()) -> None:
        """Begin, with the tools that the client offers, and its stop sequences, which not every model takes."""
        self._stopping = Stopping(stop) if stop else None
        self._tools: Mapping[str, Tool] = {fitted(tool.name): tool for tool in tools}
        self._hidden = False
        """The open part is one that the client cannot be told."""
        self._answer = ""
        """The answer's id, for calls that have none."""
        self._calls = 0
        self._blank: list[Piece] = []
        """The open text, as long as it says nothing."""
        self._input: list[str] | None = None
        """What came of the open custom call."""
        self.lost: set[str] = set()
        """Kinds of parts that the client was not told."""

    def take(self, pieces: list[Piece]) -> list[Piece]:
        """Give the pieces as the client's dialect can write them."""
        if self._flows and len(pieces) == 1 and type(pieces[0]) is Grew:
            return pieces
        taken: list[Piece] = []
        for piece in self._stopping.take(pieces) if self._stopping is not None else pieces:
            taken += self._take(piece)
        return taken

    @property
    def _flows(self) -> bool:
        """Whether text goes on as it is."""
        return self._stopping is None and self._input is None and not self._hidden and not self._blank

    def _take(self, piece: Piece) -> list[Piece]:
        match piece:
            case Grew():
                return self._grew(piece)
            case Closed():
                return self._closed(piece)
            case Opened():
                return self._opened(piece)
            case Signed():
                return []
            case Began():
                self._answer = piece.id
            case Stopped(stop=Stop.OTHER):
                # Words for odd endings mean something else to another dialect's clients (`pause_turn`: ask again). It may not be all.
                return [Stopped(Stop.LENGTH)]
        return [piece]

    def _grew(self, piece: Grew) -> list[Piece]:
        if self._hidden:
            return []
        if self._input is not None:
            self._input.append(piece.text)
            return []
        if self._blank:
            self._blank.append(piece)
            if piece.text.isspace() and len(self._blank) < _MOST_BLANK:
                return []
            said, self._blank = self._blank, []
            return said
        return [piece]

    def _closed(self, piece: Closed) -> list[Piece]:
        if self._hidden or self._blank:
            self._hidden, self._blank = False, []
            return []
        if self._input is None:
            return [piece]
        said, self._input = _said("".join(self._input)), None
        return [Grew(said), piece] if said else [piece]

    def _opened(self, opened: Opened) -> list[Piece]:
        self._hidden, self._input, self._blank = opened.part is Part.OTHER, None, []
        if self._hidden:
            kind = opened.raw.get("type") if isinstance(opened.raw, dict) else None
            self.lost.add(kind if isinstance(kind, str) else "part")
            return []
        if opened.part is not Part.CALL:
            self._blank = [Opened(opened.part, form=opened.form)]
            return []
        self._calls += 1
        id_ = fitted_id(opened.id or f"{self._answer} {self._calls}")
        tool = self._tools.get(opened.name)
        if tool is None:
            return [Opened(Part.CALL, id_, opened.name, form=opened.form)]
        if tool.custom and opened.form is not Form.CUSTOM:
            self._input = []
        form = Form.CUSTOM if tool.custom else Form.PLAIN
        return [Opened(Part.CALL, id_, tool.own_name or tool.name, tool.raw, form)]


def _said(arguments: str) -> str:
    """The free text in a custom tool's only argument; what a model wrote instead of it stays as it is."""
    try:
        told = _OBJECT.decode(arguments)
    except _ODD:
        return arguments
    said = told.get(INPUT)
    return said if isinstance(said, str) and len(told) == 1 else arguments
