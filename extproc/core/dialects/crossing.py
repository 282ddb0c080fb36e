"""An answer on its way from the dialect of the model to that of the client: what is bound to the model's dialect stays behind.

Calls get the tool's own name and form back, ids a shape that every provider takes when they come back, and signatures are dropped:
thinking from one provider is never presented as signed by another. Bounded: only the input of a custom tool is held, until it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from extproc.core.answers import Closed, Form, Grew, Opened, Part, Piece, Signed
from extproc.core.conversation import Tool, fitted

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_ODD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
INPUT = "input"
"""The one argument of a custom tool that is offered as a function."""


class Crossing:
    """Takes the pieces of one answer."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        """Begin, with the tools that the client offers."""
        self._tools: Mapping[str, Tool] = {fitted(tool.name): tool for tool in tools}
        self._hidden = False
        """The open part is one that the client cannot be told."""
        self._input: list[str] | None = None
        """What came of the open custom call."""
        self.lost: set[str] = set()
        """Kinds of parts that the client was not told."""

    def take(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Give the pieces as the client's dialect can write them."""
        taken: list[Piece] = []
        for piece in pieces:
            taken += self._take(piece)
        return taken

    def _take(self, piece: Piece) -> list[Piece]:
        match piece:
            case Opened():
                return self._opened(piece)
            case Signed():
                return []
            case Grew() if self._hidden:
                return []
            case Grew() if self._input is not None:
                self._input.append(piece.text)
                return []
            case Closed() if self._hidden:
                self._hidden = False
                return []
            case Closed() if self._input is not None:
                said, self._input = _said("".join(self._input)), None
                return [Grew(said), piece] if said else [piece]
        return [piece]

    def _opened(self, opened: Opened) -> list[Piece]:
        self._hidden, self._input = opened.part is Part.OTHER, None
        if self._hidden:
            kind = opened.raw.get("type") if isinstance(opened.raw, dict) else None
            self.lost.add(kind if isinstance(kind, str) else "part")
            return []
        if opened.part is not Part.CALL:
            return [Opened(opened.part, form=opened.form)]
        tool = self._tools.get(opened.name)
        if tool is None:
            return [Opened(Part.CALL, fitted(opened.id), opened.name, form=opened.form)]
        if tool.custom and opened.form is not Form.CUSTOM:
            self._input = []
        form = Form.CUSTOM if tool.custom else Form.PLAIN
        return [Opened(Part.CALL, fitted(opened.id), tool.own_name or tool.name, tool.raw, form)]


def _said(arguments: str) -> str:
    """The free text in a custom tool's only argument; what a model wrote instead of it stays as it is."""
    try:
        told = _OBJECT.decode(arguments)
    except _ODD:
        return arguments
    said = told.get(INPUT)
    return said if isinstance(said, str) and len(told) == 1 else arguments
