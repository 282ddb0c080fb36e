"""The parts of an answer while they come, told one after the other in the order in which they began.

Events say which item they speak of by its index, by its id, or not at all, depending on the server; and a server may leave an item
open while the next one begins. What comes for a later part waits until the part before is whole.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from extproc.core.answers import Closed, Grew, Opened, Part, Piece, Signed


class Growing:
    """One part, as far as it came."""

    def __init__(self, opened: Opened) -> None:
        self._opened: Opened | None = opened
        self._said: list[str] = []
        self._told = 0
        self._signature = ""
        self.whole = False

    def say(self, text: str | None) -> None:
        """Add to its text."""
        if text and not self.whole:
            self._said.append(text)

    def fill(self, text: str) -> None:
        """Its whole text is known: add what did not come in deltas."""
        said = "".join(self._said)
        if text.startswith(said):
            self.say(text[len(said) :])

    def finish(self, signature: str = "") -> None:
        """Nothing more will come."""
        if not self.whole:
            self._signature, self.whole = signature, True

    @property
    def empty(self) -> bool:
        """There is no text yet."""
        return not self._said

    def tell(self) -> list[Piece]:
        """Give what has not been told."""
        pieces: list[Piece] = [Grew(text) for text in self._said[self._told :]]
        self._told = len(self._said)
        if self._opened is not None:
            pieces.insert(0, self._opened)
            self._opened = None
        if self.whole:
            if self._signature:
                pieces.append(Signed(self._signature))
            pieces.append(Closed())
        return pieces


class Item:
    """One output item: its parts by their index in it, and how events may name it."""

    def __init__(self, kind: Part, index: int | None, item_id: str) -> None:
        self.kind = kind
        self.index = index
        self.id = item_id
        self.raw: dict[str, Any] = {"id": item_id} if item_id else {}
        self.parts: dict[int, Growing] = {}
        self.done = False
        self.place: object = None
        """Of a thought: where in it the newest text stood."""

    def named(self, index: int | None, item_id: str) -> bool:
        """Whether an event means this item. One that names nothing means the item that is not done."""
        if index is not None and self.index is not None:
            # Some servers give each item the same index.
            return index == self.index and not (self.done and item_id and self.id and item_id != self.id)
        return item_id == self.id if item_id and self.id else not self.done


class Row:
    """All items of one answer."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._waiting: deque[Growing] = deque()

    def item(self, kind: Part, index: int | None, item_id: str | None) -> Item:
        """Give the item that an event means; a new one where there is none like it."""
        for item in reversed(self.items):
            if item.kind is kind and item.named(index, item_id or ""):
                item.index = index if item.index is None else item.index
                item.id = item.id or item_id or ""
                return item
        item = Item(kind, index, item_id or "")
        self.items.append(item)
        return item

    def part(self, item: Item, at: int, opened: Opened) -> Growing:
        """Give a part of an item; it begins where it had not."""
        part = item.parts.get(at)
        if part is None:
            part = item.parts[at] = Growing(opened)
            self._waiting.append(part)
        return part

    def finish(self) -> None:
        """The answer is at its end, and so is all that was open."""
        for part in self._waiting:
            part.finish()

    def tell(self) -> list[Piece]:
        """Give the pieces that can be told now."""
        pieces: list[Piece] = []
        while self._waiting:
            part = self._waiting[0]
            told = part.tell()
            pieces = pieces + told if pieces else told
            if not part.whole:
                break
            self._waiting.popleft()
        return pieces
