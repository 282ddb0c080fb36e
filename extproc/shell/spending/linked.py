"""The file that the workers of a sidecar share, and a store that several sidecars share. One worker links them.

To the far store the sidecar is one process: it is told what all workers have spent, under one name, which is kept in the file. What it
tells of other sidecars is put into the file under a name of its own, where all workers find it. So while the far store is away, the
sidecar as a whole goes on counting, and every worker knows the count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex

from extproc.core.steps.policies import Spent
from extproc.shell.spending.file import FileStore
from extproc.shell.spending.store import Entry, Standing, Store, StoreError, added

_FAR = "others"
"""The name in the file under which other sidecars' spending stands; no process is called so."""
_NOTHING = Spent()


class LinkedStore:
    """Both stores, for the one worker that links them."""

    def __init__(self, near: FileStore, far: Store) -> None:
        self._near = near
        self._far = far
        self._name = token_hex(6)
        self._told: tuple[str, Mapping[str, Spent]] = ("", {})
        """A day, and what the far store is known to hold of it under our name."""

    async def exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Standing:
        """See `Store`. While the far store is away: what is known of others, and why it is not more."""
        own = await self._near.exchange(writer, day, entries)
        self._name = await self._near.identity(self._name)
        ours = await self._near.exchange(_FAR, day, [])
        try:
            far = await self._far.exchange(self._name, day, self._unsaid(day, ours.others))
        except StoreError as error:
            return Standing(own.mine, own.others, str(error))
        self._told = (day, far.mine)
        if changed := _changed(day, ours.mine, far.others):
            await self._near.exchange(_FAR, day, changed)
        workers = {team: _without(spent, own.mine.get(team, _NOTHING)) for team, spent in ours.others.items()}
        teams = dict.fromkeys([*workers, *far.others])
        others = {team: added(workers.get(team, _NOTHING), far.others.get(team, _NOTHING)) for team in teams}
        return Standing(own.mine, {team: spent for team, spent in others.items() if spent != _NOTHING})

    async def close(self) -> None:
        """Let go of both."""
        await self._near.close()
        await self._far.close()

    def _unsaid(self, day: str, spent: Mapping[str, Spent]) -> list[Entry]:
        told = self._told[1] if self._told[0] == day else {}
        return [Entry(day, team, one) for team, one in spent.items() if told.get(team) != one]


def _changed(day: str, known: Mapping[str, Spent], heard: Mapping[str, Spent]) -> list[Entry]:
    teams = dict.fromkeys([*known, *heard])
    return [Entry(day, team, heard.get(team, _NOTHING)) for team in teams if known.get(team) != heard.get(team, _NOTHING)]


def _without(whole: Spent, part: Spent) -> Spent:
    return Spent(max(0, whole.pico_usd - part.pico_usd), max(0, whole.tokens - part.tokens))
