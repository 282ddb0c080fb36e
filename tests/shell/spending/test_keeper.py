"""Memory and store in step: when the store is away, when it lies, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from extproc.core.steps.policies import Spent
from extproc.shell.meters import Meters
from extproc.shell.spending import Counts, Keeper
from extproc.shell.spending.remote import RemoteStore
from extproc.shell.spending.store import Entry, Standing, StoreError
from tests.shell.spending.test_counts import NOON, Clock, record
from tests.support.redis import RedisServer

TICK_S = 0.01


class Store:
    """One that does as it is told."""

    def __init__(self) -> None:
        self.kept: dict[str, Spent] = {}
        self.trouble: Exception | None = None
        self.asked = 0
        self.closed = False

    async def exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Standing:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        self.kept.update({entry.team: entry.spent for entry in entries})
        return Standing(dict(self.kept), {"blue": Spent(1, 1)})

    async def close(self) -> None:
        self.closed = True


class Kept:
    """A keeper, and all that it talks to."""

    def __init__(self, store: Any, every_s: float = TICK_S) -> None:
        self.counts = Counts(Clock())
        self.meters = Meters("1", "hash")
        self.said: list[str] = []
        self.keeper = Keeper(self.counts, lambda: store, self.meters.upkeep, self.said.append, every_s)

    def metric(self, name: str) -> float:
        (line,) = [line for line in self.meters.exposition()[0].decode().splitlines() if line.startswith(name)]
        return float(line.rpartition(" ")[2])

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - there is nothing that would tell
                await asyncio.sleep(TICK_S)


def test_it_tells_and_hears_and_at_the_end_tells_the_last():
    async def story() -> None:
        store = Store()
        kept = Kept(store)
        kept.keeper.start()
        kept.keeper.start()
        await kept.until(lambda: "blue" in kept.counts.today())
        kept.counts.finished([record()])
        await kept.until(lambda: store.kept)
        await kept.until(lambda: 'cascade_team_spent_tokens{team="red"} 120.0' in kept.meters.exposition()[0].decode())
        kept.counts.finished([record()])
        await kept.keeper.stop()
        assert (store.kept["red"].tokens, store.closed) == (240, True)
        assert kept.metric('cascade_team_spent_usd{team="red"}') == 2 * 0.000123456789
        assert kept.metric('cascade_team_spent_usd{team="blue"}') == 1e-12
        assert kept.metric("cascade_state_age_seconds") == kept.metric("cascade_state_errors_total") == 0
        assert kept.said == []

    asyncio.run(story())


@pytest.mark.parametrize("trouble", [StoreError("no answer"), RecursionError("a lie")])
def test_trouble_is_told_once_and_counting_goes_on(trouble: Exception):
    async def story() -> None:
        store = Store()
        kept = Kept(store)
        kept.keeper.start()
        await kept.until(lambda: "blue" in kept.counts.today())
        store.trouble = trouble
        kept.counts.finished([record()])
        before = store.asked
        await kept.until(lambda: store.asked > before + 5)
        assert kept.counts.today() == {"red": Spent(123_456_789, 120), "blue": Spent(1, 1)}
        assert len(kept.said) == 1
        assert str(trouble) in kept.said[0] or type(trouble).__name__ in kept.said[0]
        assert kept.keeper.trouble
        assert kept.metric("cascade_state_errors_total") >= 5
        assert kept.metric("cascade_state_age_seconds") > 0
        store.trouble = None
        await kept.until(lambda: store.kept)
        await kept.until(lambda: not kept.keeper.trouble)
        assert len(kept.said) == 2
        assert kept.metric("cascade_state_age_seconds") == 0
        await kept.keeper.stop()

    asyncio.run(story())


def test_what_was_never_begun_ends_at_once():
    async def story() -> None:
        store = Store()
        await Kept(store).keeper.stop()
        assert not store.asked

    asyncio.run(story())


def test_a_store_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch):
    class Hanging(Store):
        async def exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Standing:
            await asyncio.Event().wait()
            raise AssertionError

    async def story() -> None:
        monkeypatch.setattr("extproc.shell.spending.keeper._LAST_S", 0.05)
        store = Hanging()
        kept = Kept(store)
        kept.keeper.start()
        async with asyncio.timeout(10):
            await kept.keeper.stop()
        assert store.closed

    asyncio.run(story())


def test_most_teams_are_told_together():
    kept = Kept(Store())
    kept.counts.finished([record(f"team-{number}") for number in range(400)])
    kept.meters.upkeep.shared(kept.counts.today(), 0.0, failed=False)
    lines = [line for line in kept.meters.exposition()[0].decode().splitlines() if line.startswith("cascade_team_spent_tokens{")]
    assert len(lines) == 250
    assert kept.metric('cascade_team_spent_tokens{team="other"}') == 151 * 120


@pytest.mark.redis
def test_processes_with_a_redis_that_dies_freezes_and_forgets(tmp_path: Path):
    """Whatever happens to it, in the end every process knows the whole, and nothing is counted twice."""

    async def story(server: RedisServer) -> None:
        all_kept = [Kept(RemoteStore(server.url, None), every_s=0.05) for _ in range(3)]
        for kept in all_kept:
            kept.keeper.start()
        total = 0
        for trouble in (None, server.freeze, server.thaw, server.kill, server.start, server.kill, server.start, None):
            if trouble:
                await asyncio.to_thread(trouble)
            for number, kept in enumerate(all_kept):
                kept.counts.finished([record()] * (number + 1))
                total += 120 * (number + 1)
                assert kept.counts.spent("red", NOON).tokens >= 120
            await asyncio.sleep(0.3)
        for kept in all_kept:
            await kept.until(lambda kept=kept: kept.counts.spent("red", NOON).tokens == total)
        await asyncio.sleep(0.2)
        assert {kept.counts.spent("red", NOON).tokens for kept in all_kept} == {total}
        for kept in all_kept:
            await kept.keeper.stop()
            assert len(kept.said) % 2 == 0

    with RedisServer(tmp_path) as server:
        asyncio.run(story(server))
