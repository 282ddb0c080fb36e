"""What a model answers, in no dialect: pieces in the order in which they come, and the whole that they make.

A dialect's reader turns events into pieces, its writer turns pieces into events. One part is open at a time: a reader closes
the part before when the next one opens.

    Began (Opened (Grew | Signed)* Closed)* Stopped Ended       with Counted anywhere, and Erred in place of any rest
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from extproc.core.vocabulary import Usage, Word


class Part(Word):
    """What a part of an answer is."""

    TEXT = "text"
    THINKING = "thinking"
    CALL = "call"
    """A call of one of the client's tools."""
    OTHER = "other"
    """What only the dialect itself understands: citations, a hosted tool's call and its result, redacted thinking, …"""


class Stop(Word):
    """Why an answer ends."""

    END = "end"
    CALLS = "calls"
    SEQUENCE = "sequence"
    LENGTH = "length"
    REFUSAL = "refusal"
    """The provider withheld the answer, or its model declined in the dialect's own way."""
    OTHER = "other"


class Form(Word):
    """What a part is beside what its kind says, in words that all dialects understand."""

    PLAIN = "plain"
    REFUSAL = "refusal"
    """Of a text: the model declines with it."""
    CUSTOM = "custom"
    """Of a call: its input is free text, not JSON."""


class Began(msgspec.Struct, frozen=True, gc=False):
    """The message begins."""

    id: str = ""
    model: str = ""


class Opened(msgspec.Struct, frozen=True, gc=False):
    """A part begins."""

    part: Part
    id: str = ""
    """Of a call: the id by which its result will be known."""
    name: str = ""
    """Of a call: the tool's name."""
    raw: Any = None
    """Of `OTHER`: the part as the dialect has it. Of the others: what its dialect needs beside, to write the same form again."""
    form: Form = Form.PLAIN
    """What other dialects understand of `raw`; a writer goes by this where there is none."""


class Grew(msgspec.Struct, frozen=True, gc=False):
    """The open part goes on: its text, or the JSON of a call's arguments (or a custom tool's input)."""

    text: str


class Signed(msgspec.Struct, frozen=True, gc=False):
    """What the provider gives to recognise its own thinking by: a signature, or the encrypted thought."""

    signature: str


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The open part is whole."""


class Counted(msgspec.Struct, frozen=True, gc=False):
    """Tokens so far; a later one takes the place of an earlier one."""

    usage: Usage


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """The model has stopped."""

    stop: Stop
    sequence: str = ""
    """The stop sequence that was met, where the dialect tells it."""


class Erred(msgspec.Struct, frozen=True, gc=False):
    """The provider reports an error in the middle of its answer. `status` is the HTTP status that its kind would have had."""

    status: int
    message: str


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The dialect's own last event: the answer is whole."""


Piece = Began | Opened | Grew | Signed | Closed | Counted | Stopped | Erred | Ended


class Block(msgspec.Struct, frozen=True):
    """One whole part."""

    part: Part
    text: str = ""
    id: str = ""
    name: str = ""
    signature: str = ""
    raw: Any = None
    form: Form = Form.PLAIN


class Answer(msgspec.Struct, frozen=True):
    """A whole answer, or as much of it as came."""

    id: str = ""
    model: str = ""
    blocks: tuple[Block, ...] = ()
    stop: Stop | None = None
    sequence: str = ""
    usage: Usage | None = None
    error: Erred | None = None
    ended: bool = False
    """The dialect's last event was there."""

    @property
    def text(self) -> str:
        """All of its text, without the thinking."""
        return "".join([block.text for block in self.blocks if block.part is Part.TEXT])

    @property
    def calls(self) -> list[Block]:
        """Its calls of the client's tools."""
        return [block for block in self.blocks if block.part is Part.CALL]

    @property
    def whole(self) -> bool:
        """It came to its regular end."""
        return self.ended and self.error is None and self.stop is not None


class Gathering:
    """Collects pieces into an answer."""

    def __init__(self) -> None:
        self._id = self._model = self._sequence = ""
        self._blocks: list[Block] = []
        self._open: Opened | None = None
        self._texts: list[str] = []
        self._signature = ""
        self._stop: Stop | None = None
        self._usage: Usage | None = None
        self._error: Erred | None = None
        self._ended = False

    def take(self, pieces: Iterable[Piece]) -> None:
        """Add pieces in their order."""
        for piece in pieces:
            match piece:
                case Grew():
                    self._texts.append(piece.text)
                case Opened():
                    self._close()
                    self._open = piece
                case Closed():
                    self._close()
                case Signed():
                    self._signature = piece.signature
                case _:
                    self._take_other(piece)

    def _take_other(self, piece: Began | Counted | Stopped | Erred | Ended) -> None:
        match piece:
            case Began():
                self._id, self._model = piece.id, piece.model
            case Counted():
                self._usage = piece.usage
            case Stopped():
                self._stop, self._sequence = piece.stop, piece.sequence
            case Erred():
                self._error = piece
            case Ended():
                self._ended = True

    def answer(self) -> Answer:
        """Give what came so far."""
        blocks = tuple(self._blocks) + ((self._block(self._open),) if self._open else ())
        return Answer(self._id, self._model, blocks, self._stop, self._sequence, self._usage, self._error, self._ended)

    def _close(self) -> None:
        if self._open is not None:
            self._blocks.append(self._block(self._open))
        self._open, self._texts, self._signature = None, [], ""

    def _block(self, opened: Opened) -> Block:
        return Block(opened.part, "".join(self._texts), opened.id, opened.name, self._signature, opened.raw, opened.form)


def gathered(pieces: Iterable[Piece]) -> Answer:
    """Make an answer of all its pieces."""
    gathering = Gathering()
    gathering.take(pieces)
    return gathering.answer()


def pieces_of(answer: Answer) -> list[Piece]:
    """Take an answer apart again, each part's text in one piece."""
    pieces: list[Piece] = [Began(answer.id, answer.model)]
    if answer.usage is not None:
        pieces.append(Counted(answer.usage))
    for block in answer.blocks:
        pieces.append(Opened(block.part, block.id, block.name, block.raw, block.form))
        if block.text:
            pieces.append(Grew(block.text))
        if block.signature:
            pieces.append(Signed(block.signature))
        pieces.append(Closed())
    if answer.stop is not None:
        pieces.append(Stopped(answer.stop, answer.sequence))
    if answer.error is not None:
        pieces.append(answer.error)
    if answer.ended:
        pieces.append(Ended())
    return pieces


class ToolSpec(msgspec.Struct, frozen=True, gc=False):
    """A tool that the client offers."""

    name: str
    schema: bytes | None = None
    """JSON Schema of its arguments as it came; None where they are free (a custom tool) or the provider's business (a hosted one)."""
    custom: bool = False
    """Its input is free text, not JSON."""


class Demands(msgspec.Struct, frozen=True, gc=False):
    """What the client's request asks of any answer, as far as an answer can be held against it."""

    tools: tuple[ToolSpec, ...] = ()
    must_call: bool = False
    """At least one call is required."""
    must_call_tool: str = ""
    """A call of this very tool is required."""
    may_call: bool = True
    """False where the client forbids calls although it offers tools."""
    parallel: bool = True
    """More than one call in an answer is allowed."""
    json: bool = False
    """The text must be JSON."""
    schema: bytes | None = None
    """JSON Schema that the text must follow."""
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    """Tokens that the client allows for an answer."""
    thinking_tokens: int | None = None
    """Tokens that the client wants spent on thinking at most (part of `max_tokens`), where it says so."""
    stateless: bool = False
    """The provider is told to keep nothing, so the client has no use for the provider's own id of an answer."""
    wants_usage: bool = True
    """A stream tells its usage (Chat Completions only where asked)."""
