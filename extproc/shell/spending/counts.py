"""What teams have spent today, in memory. All of it on the thread of the event loop; nothing here waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from time import time

from extproc.core.money import pico
from extproc.core.records import CallNote, Comparison, Note, Record
from extproc.core.steps.policies import Spent
from extproc.shell.spending.store import Entry, Standing, added

REST = "(rest)"
"""Stands for all teams beyond the most that are told apart; no team can be called so."""
_MOST = 1000
_DAY_S = 86_400
_DAYS_KEPT = 3
_EPOCH = date(1970, 1, 1).toordinal()
_NOTHING = Spent()


class Counts:
    """The counts of one process, and the last that it heard of the others."""

    def __init__(self, clock: Callable[[], float] = time, most: int = _MOST) -> None:
        """Begin; `clock` gives Unix time, `most` is the number of teams that are told apart in a day."""
        self._clock = clock
        self._most = most
        self._day = int(clock()) // _DAY_S
        self._own: dict[int, dict[str, Spent]] = {self._day: {}}
        """Day → team → what this process has counted."""
        self._told: dict[int, Mapping[str, Spent]] = {}
        """The same, as the store is known to hold it."""
        self._others: Mapping[str, Spent] = {}
        self._all: dict[str, Spent] = {}

    @property
    def day(self) -> str:
        """Today in UTC."""
        self._turn()
        return _iso(self._day)

    def spent(self, team: str, at: float) -> Spent:
        """Give what a team has spent on the day of `at` (Unix time), as far as it is known here."""
        if at // _DAY_S != self._day:
            return _NOTHING
        known = self._all.get(team)
        if known is None:
            return self._all.get(REST, _NOTHING) if len(self._all) >= self._most else _NOTHING
        return known

    def today(self) -> Mapping[str, Spent]:
        """Give what each team has spent today."""
        self._turn()
        return self._all

    def finished(self, records: Sequence[Record]) -> None:
        """Count finished requests."""
        for record in records:
            if record.team:
                if record.calls:
                    self._called(record.team, record.calls)
                else:
                    usage = record.usage
                    self._count(record.team, pico(record.cost_usd or 0.0), usage.input + usage.output if usage else 0)

    def wasted(self, note: Note) -> None:
        """Count the calls for a client that has left: its record knows nothing of them."""
        if note.team:
            self._called(note.team, note.calls)

    def compared(self, comparison: Comparison) -> None:
        """Count the calls of mode `shadow`."""
        if comparison.team:
            self._called(comparison.team, comparison.calls)

    def unsaid(self) -> list[Entry]:
        """Give what the store does not hold as it is."""
        self._turn()
        return [
            Entry(_iso(day), team, spent)
            for day, own in self._own.items()
            for team, spent in own.items()
            if self._told.get(day, {}).get(team) != spent
        ]

    def heard(self, day: str, entries: Sequence[Entry], standing: Standing) -> None:
        """Take what the store knows of a day after it has taken these entries."""
        self._turn()
        for entry in entries:
            past = date.fromisoformat(entry.day).toordinal() - _EPOCH
            # What is counted of a day that is over is counted no more, so what has been said of it can go.
            if past != self._day and self._own.get(past, {}).get(entry.team) == entry.spent:
                del self._own[past][entry.team]
        if day != _iso(self._day):
            return
        self._told[self._day] = standing.mine
        self._others = standing.others
        own = self._own[self._day]
        teams = [*own, *[team for team in self._others if team not in own]]
        self._all = {team: added(own.get(team, _NOTHING), self._others.get(team, _NOTHING)) for team in teams}

    def _called(self, team: str, calls: Sequence[CallNote]) -> None:
        amount = sum([pico(call.cost_usd) for call in calls if call.cost_usd is not None])
        self._count(team, amount, sum([call.usage.input + call.usage.output for call in calls if call.usage]))

    def _count(self, team: str, amount: int, tokens: int) -> None:
        self._turn()
        if team not in self._all and len(self._all) >= self._most:
            team = REST
        more, own = Spent(amount, tokens), self._own[self._day]
        own[team] = added(own.get(team, _NOTHING), more)
        self._all[team] = added(self._all.get(team, _NOTHING), more)

    def _turn(self) -> None:
        """Begin a new day where one has begun."""
        day = int(self._clock()) // _DAY_S
        if day == self._day:
            return
        self._day = day
        kept = {past: own for past, own in self._own.items() if own and 0 <= day - past < _DAYS_KEPT}
        self._own = {**kept, day: kept.get(day, {})}
        self._told = {past: told for past, told in self._told.items() if past in self._own}
        self._others = {}
        self._all = dict(self._own[day])


def _iso(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()
