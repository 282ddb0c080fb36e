"""Two sidecars of two workers each: each shares a file, and a store between them that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.core.steps.policies import Spent
from extproc.core.vocabulary import Usage
from extproc.shell.spending.counts import Counts
from extproc.shell.spending.file import FileStore
from extproc.shell.spending.linked import LinkedStore
from extproc.shell.spending.remote import RemoteStore
from extproc.shell.spending.store import Entry, Standing, Store, StoreError, standing
from tests.shell.spending.test_counts import NOON, Clock, record
from tests.support.redis import RedisServer


class Far:
    """A store between sidecars; it may be away, lose its answer, or forget."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Spent] = {}
        self.how = ""

    async def exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Standing:
        if self.how == "away":
            raise StoreError("away")
        self.kept.update({(entry.team, writer): entry.spent for entry in entries})
        if self.how == "unheard":
            raise StoreError("no answer")
        return standing(writer, [(team, whose, one.pico_usd, one.tokens) for (team, whose), one in self.kept.items()])

    async def close(self) -> None:
        """Nothing is open."""


class Worker:
    """A worker with its counts."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.counts = Counts(Clock())

    def count(self) -> None:
        self.counts.finished([record(usage=Usage(1, 0), cost_usd=None)])

    def known(self) -> int:
        return self.counts.spent("red", NOON).tokens

    async def exchange(self) -> str:
        day, entries = self.counts.day, self.counts.unsaid()
        told = await self.store.exchange(self.name, day, entries)
        self.counts.heard(day, entries, told)
        return told.trouble


def sidecar(path: Path, far: Store) -> list[Worker]:
    return [Worker(LinkedStore(FileStore(path), far), "0"), Worker(FileStore(path), "1")]


async def settle(workers: list[Worker]) -> None:
    for _ in range(4):
        for worker in workers:
            await worker.exchange()


async def closed(workers: list[Worker]) -> None:
    for worker in workers:
        await worker.store.close()


def test_workers_go_on_sharing_while_the_other_sidecars_are_away(tmp_path: Path):
    async def story() -> None:
        far = Far()
        one, two = sidecar(tmp_path / "one", far), sidecar(tmp_path / "two", far)
        for worker in (*one, *two):
            worker.count()
        await settle([*one, *two])
        assert [worker.known() for worker in (*one, *two)] == [4] * 4
        assert sorted(spent.tokens for spent in far.kept.values()) == [2, 2]
        far.how = "away"
        one[1].count()
        two[0].count()
        two[0].count()
        assert [await one[1].exchange(), await one[0].exchange()] == ["", "away"]
        await settle([*one, *two])
        assert [worker.known() for worker in (*one, *two)] == [5, 5, 6, 6]
        far.how = ""
        await settle([*one, *two])
        assert [worker.known() for worker in (*one, *two)] == [7] * 4
        await closed([*one, *two])

    asyncio.run(story())


def test_a_sidecar_keeps_its_name_over_restarts_and_a_file_that_is_begun_anew(tmp_path: Path):
    async def story() -> None:
        far = Far()
        workers = sidecar(tmp_path / "one", far)
        linked = workers[0].store
        assert isinstance(linked, LinkedStore)
        workers[0].count()
        await settle(workers)
        await closed(workers)
        linked._near = FileStore(tmp_path / "anew")
        await workers[0].exchange()
        await workers[0].exchange()
        again = sidecar(tmp_path / "anew", far)
        for worker in again:
            worker.name += "+"
        again[1].count()
        await settle(again)
        assert [worker.known() for worker in again] == [2, 2]
        assert [spent.tokens for spent in far.kept.values()] == [2]
        await closed([workers[0], *again])

    asyncio.run(story())


def test_what_the_others_have_lost_is_lost_here_too(tmp_path: Path):
    async def story() -> None:
        far = Far()
        far.kept[("blue", "elsewhere")] = Spent(5, 5)
        one = sidecar(tmp_path / "one", far)
        await settle(one)
        assert {worker.counts.spent("blue", NOON) for worker in one} == {Spent(5, 5)}
        far.kept.clear()
        await settle(one)
        assert {worker.counts.spent("blue", NOON) for worker in one} == {Spent()}
        await closed(one)

    asyncio.run(story())


STEPS = st.lists(st.tuples(st.sampled_from(["count", "exchange", "away", "unheard", "here", "forget"]), st.integers(0, 3)), max_size=25)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_however_it_goes_nothing_is_lost_or_counted_twice(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]):
    async def story() -> None:
        folder = tmp_path_factory.mktemp("story")
        far = Far()
        workers = [*sidecar(folder / "one", far), *sidecar(folder / "two", far)]
        total = 0
        for step, number in steps:
            if step == "count":
                workers[number].count()
                total += 1
            elif step == "exchange":
                await workers[number].exchange()
            elif step == "forget":
                far.kept.clear()
            else:
                far.how = step if step != "here" else ""
            assert all(worker.known() <= total for worker in workers)
        far.how = ""
        await settle(workers)
        assert [worker.known() for worker in workers] == [total] * 4
        await closed(workers)

    asyncio.run(story())


@pytest.mark.redis
def test_in_a_real_redis_a_sidecar_is_one_writer(tmp_path: Path):
    async def story(server: RedisServer) -> None:
        one = sidecar(tmp_path / "one", RemoteStore(server.url, None))
        two = sidecar(tmp_path / "two", RemoteStore(server.url, None))
        for worker in (*one, *two):
            worker.count()
        await settle([*one, *two])
        assert [worker.known() for worker in (*one, *two)] == [4] * 4
        with server.client() as look:
            assert sorted(look.hvals("cascade:spent:2026-11-26")) == ["0 2", "0 2"]
        await closed([*one, *two])

    with RedisServer(tmp_path) as server:
        asyncio.run(story(server))
