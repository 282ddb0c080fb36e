"""Keeps the counts of this process and those of the others in step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from time import monotonic
from typing import Protocol

from extproc.core.steps.policies import Spent
from extproc.shell.spending.counts import Counts
from extproc.shell.spending.store import Store, StoreError

_EVERY_S = 1.0
_LAST_S = 2.5
"""At the end: so long the last word may take."""


class Meters(Protocol):
    """Who is told how things stand."""

    def shared(self, spent: dict[str, Spent], age_s: float, *, failed: bool) -> None:
        """Take what each team has spent today, for how many seconds the others have not been heard, and whether that has just failed."""


class Keeper:
    """Runs beside everything else, from the first policy that has an allowance on."""

    def __init__(
        self, counts: Counts, opened: Callable[[], Store], meters: Meters, warn: Callable[[str], None], every_s: float = _EVERY_S
    ) -> None:
        """Begin nothing yet.

        Args:
            counts: what is to be shared.
            opened: gives the store; it is asked when it is needed, and once.
            meters: is told after each try.
            warn: is told once when sharing begins to fail, and once when it works again.
            every_s: how often.
        """
        self._counts = counts
        self._opened = opened
        self._meters = meters
        self._warn = warn
        self._every_s = every_s
        self._writer = token_hex(6)
        self._store: Store | None = None
        self._chore: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._heard_at = monotonic()
        self.trouble = ""
        """Why it does not work at present; empty when it does."""

    @property
    def age_s(self) -> float:
        """For how many seconds the others have not been heard."""
        return monotonic() - self._heard_at

    def start(self) -> None:
        """Begin; does nothing where it has begun."""
        if self._chore is None:
            self._heard_at = monotonic()
            self._chore = asyncio.create_task(self._run(), name="spending")

    async def stop(self) -> None:
        """Tell the store the last, and let go of it."""
        if self._chore is None:
            return
        self._stopping.set()
        await asyncio.wait((self._chore,), timeout=_LAST_S)
        self._chore.cancel()
        await asyncio.gather(self._chore, return_exceptions=True)
        if self._store is not None:
            await self._store.close()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            await self._once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._every_s)
        for _ in range(2):  # once more, as the first may find that the store has forgotten what it was told before
            await self._once()

    async def _once(self) -> None:
        try:
            self._store = self._store or self._opened()
            trouble = await self._exchange(self._store)
        except StoreError as error:
            trouble = str(error)
        except Exception as error:  # whatever a library makes of what it is told, it may not end this
            trouble = type(error).__name__
        if trouble:
            self._failed(trouble)
        else:
            self._worked()

    async def _exchange(self, store: Store) -> str:
        day, entries = self._counts.day, self._counts.unsaid()
        standing = await store.exchange(self._writer, day, entries)
        self._counts.heard(day, entries, standing)
        return standing.trouble

    def _failed(self, why: str) -> None:
        if not self.trouble:
            self._warn(f"what teams spend is not shared at present, each process goes by its own count: {why}")
        self.trouble = why
        self._meters.shared(dict(self._counts.today()), self.age_s, failed=True)

    def _worked(self) -> None:
        if self.trouble:
            self._warn("what teams spend is shared again; nothing was lost, and nothing is counted twice")
        self.trouble = ""
        self._heard_at = monotonic()
        self._meters.shared(dict(self._counts.today()), 0.0, failed=False)
