"""The model calls of one request: when, with what result, for how much."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from extproc.core.records import CallNote
from extproc.core.vocabulary import Price, Role, Usage


class Ledger:
    """Keeps one entry for each call, in the order in which they began; a role is called once."""

    def __init__(self, at_s: float, prices: Mapping[Role, Price]) -> None:
        """Begin, at the request's arrival."""
        self._at_s = at_s
        self._prices = prices
        self._entries: dict[Role, CallNote] = {}
        self._open: set[Role] = set()

    def begin(self, role: Role, model: str, at_s: float) -> None:
        """A call is made."""
        since = at_s - self._at_s
        self._entries[role] = CallNote(role, model, 0, "", since, None, since)
        self._open.add(role)

    def answered(self, role: Role, status: int) -> None:
        """Its status is known."""
        self._entries[role] = replace(self._entries[role], status=status)

    def came(self, role: Role, at_s: float) -> None:
        """A piece of its answer is here."""
        if self._entries[role].first_s is None:
            self._entries[role] = replace(self._entries[role], first_s=at_s - self._at_s)

    def end(self, role: Role, at_s: float, usage: Usage | None, error: str = "") -> None:
        """It is over; an error that is known already stays."""
        self._open.discard(role)
        entry = self._entries[role]
        price = self._prices.get(role)
        cost = price.cost_usd(usage) if price and usage else None
        self._entries[role] = replace(entry, ended_s=at_s - self._at_s, usage=usage, cost_usd=cost, error=entry.error or error)

    def blame(self, role: Role, error: str) -> None:
        """Say why a call did not serve after all."""
        self._entries[role] = replace(self._entries[role], error=error)

    def notes(self) -> tuple[CallNote, ...]:
        """Give all entries."""
        return tuple(self._entries.values())

    @property
    def calls(self) -> int:
        """Calls made."""
        return len(self._entries)

    @property
    def spent_usd(self) -> float:
        """What the calls cost, as far as that is known."""
        return sum(entry.cost_usd or 0.0 for entry in self._entries.values())

    def is_open(self, role: Role) -> bool:
        """Whether a call to this role runs."""
        return role in self._open
