"""A place where processes share what they have counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from extproc.core.steps.policies import Spent

MOST = 9_000_000_000_000_000_000
"""Below what 64 bits hold; in picodollars nine million dollars. More than that is no count."""


class StoreError(Exception):
    """The store does not do what it should; the message says why in a few words, and holds no secret."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What one process has spent for a team on a day, in all."""

    day: str
    """In UTC, as ISO 8601 has it."""
    team: str
    spent: Spent


class Standing(msgspec.Struct, frozen=True):
    """What a store knows of a day."""

    mine: Mapping[str, Spent]
    """What the process that asks has told it, by team."""
    others: Mapping[str, Spent]
    """What all others have, by team."""
    trouble: str = ""
    """Why a part of the others is only what was heard of them last; empty where none is."""


class Store(Protocol):
    """One connection to a store."""

    async def exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Standing:
        """Put in what a process has counted, in the place of what it told before, and give what is known of a day then.

        Args:
            writer: name of the process.
            day: of which the standing is wanted.
            entries: what has changed; may be of earlier days.

        Raises:
            StoreError: It cannot be had; then all of it may or may not have been put in.
        """

    async def close(self) -> None:
        """Let go of it."""


Row = tuple[str, str, int, int]
"""Team, writer, picodollars, tokens."""


def standing(writer: str, rows: Iterable[Row]) -> Standing:
    """Add up the rows of a day. StoreError where one holds what is no count."""
    mine: dict[str, Spent] = {}
    others: dict[str, Spent] = {}
    for team, whose, *counts in rows:
        if not all(isinstance(count, int) and 0 <= count <= MOST for count in counts):
            raise StoreError("it holds what is no count")
        if whose == writer:
            mine[team] = Spent(*counts)
        else:
            others[team] = added(others.get(team, Spent()), Spent(*counts))
    return Standing(mine, others)


def added(one: Spent, other: Spent) -> Spent:
    """Add two counts up."""
    return Spent(min(MOST, one.pico_usd + other.pico_usd), min(MOST, one.tokens + other.tokens))
