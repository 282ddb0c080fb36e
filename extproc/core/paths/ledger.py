"""The model calls of one request: when, with what result, for how much."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from extproc.core.books import plausible
from extproc.core.money import total
from extproc.core.policy import Price
from extproc.core.records import CallNote
from extproc.core.vocabulary import Role, Usage


class Ledger:
    """Keeps one entry for each call, in the order in which they began; a role is called once."""

    def __init__(self, at_s: float, prices: Mapping[Role, Price]) -> None:
        """Begin, at the request's arrival."""
        self._at_s = at_s
        self._prices = prices
        self._entries: dict[Role, CallNote] = {}
        self._open: set[Role] = set()

    def begin(self, role: Role, model: str, at_s: float, dialect: str = "") -> None:
        """A call is made."""
        since = at_s - self._at_s
        self._entries[role] = CallNote(role, model, 0, "", since, None, since, dialect=dialect)
        self._open.add(role)

    def answered(self, role: Role, status: int, began_s: float | None = None) -> None:
        """Its status is known, and perhaps when it really began."""
        entry = self._entries[role]
        self._entries[role] = replace(entry, status=status, began_s=entry.began_s if began_s is None else began_s - self._at_s)

    def came(self, role: Role, at_s: float) -> None:
        """A piece of its answer is here."""
        if self._entries[role].first_s is None:
            self._entries[role] = replace(self._entries[role], first_s=at_s - self._at_s)

    def end(self, role: Role, at_s: float, usage: Usage | None, error: str = "", *, finish: str = "", model: str = "") -> None:
        """It is over; an error that is known already stays. `finish` and `model`: what its answer says of its end and of itself."""
        self._open.discard(role)
        entry = self._entries[role]
        price, usage = self._prices.get(role), plausible(usage)
        cost = price.cost_usd(usage) if price and usage else None
        paid = replace(entry, usage=usage, cost_usd=cost, finish=finish, answer_model=model)
        self._entries[role] = replace(paid, ended_s=at_s - self._at_s, error=entry.error or error)

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
        return total(entry.cost_usd for entry in self._entries.values() if entry.cost_usd is not None)

    def is_open(self, role: Role) -> bool:
        """Whether a call to this role runs."""
        return role in self._open
