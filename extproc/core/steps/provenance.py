"""Which answers the draft model wrote: remembered by fingerprints of the questions that they answered, never by content.

A provider's signed thinking is worth something to that provider only, so a conversation that goes to the verify model must lose
what the draft provider signed. A stored question says which answers those are.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import Protocol

SLOTS = 131_072
"""Numbers in a table; 1 MiB."""
_BUCKET = 8
"""A bucket: the number of its next place, then seven places for fingerprints."""


class Drafted(Protocol):
    """A memory of what the draft model answered. Bounded: it forgets the oldest, and then says that it does not know."""

    def remember(self, material: bytes) -> None:
        """Take note of a question that the draft model answered."""

    def knows(self, material: bytes) -> bool:
        """Say whether the draft model answered this question."""


class Slots(Protocol):
    """Unsigned numbers of 64 bits, all 0 at first: an array, or shared memory."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: int, /) -> int: ...

    def __setitem__(self, at: int, value: int, /) -> None: ...


class Fingerprints:
    """A table of fingerprints in small buckets; in a full bucket the oldest is overwritten.

    Several processes may share the slots without a lock. One number is written at a time; two writers in the same bucket at the
    same moment may lose one of their fingerprints, which is as if it had been forgotten.
    """

    def __init__(self, salt: bytes, slots: Slots | None = None) -> None:
        """Use a table.

        Args:
            salt: Key of the fingerprints, up to 64 bytes; without it they say nothing. The same for all who share the slots.
            slots: The table, a whole number of buckets; by default one of its own.
        """
        self._salt = salt
        self._slots: Slots = array("Q", bytes(8 * SLOTS)) if slots is None else slots
        self._buckets = len(self._slots) // _BUCKET

    def remember(self, material: bytes) -> None:
        """Take note of a question that the draft model answered."""
        mark = fingerprint(material, self._salt)
        start = self._start(mark)
        if not self._holds(start, mark):
            place = self._slots[start] % (_BUCKET - 1)  # a damaged table must not matter
            self._slots[start + 1 + place] = mark
            self._slots[start] = place + 1

    def knows(self, material: bytes) -> bool:
        """Say whether the draft model answered this question."""
        mark = fingerprint(material, self._salt)
        return self._holds(self._start(mark), mark)

    def _start(self, mark: int) -> int:
        return mark % self._buckets * _BUCKET

    def _holds(self, start: int, mark: int) -> bool:
        return any(self._slots[at] == mark for at in range(start + 1, start + _BUCKET))


def fingerprint(material: bytes, salt: bytes) -> int:
    """Give 8 bytes that stand for the material; never 0, which marks an empty place."""
    return int.from_bytes(blake2b(material, digest_size=8, key=salt).digest()) or 1
