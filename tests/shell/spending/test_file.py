"""The counts in a file: several processes, damage, locks, and a disk that hangs."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from extproc.core.steps.policies import Spent
from extproc.shell.spending import file
from extproc.shell.spending.file import FileStore
from extproc.shell.spending.store import Entry, Standing, StoreError
from tests.support.system import ROOT

DAY = "2026-11-26"


def entry(team: str, pico: int, tokens: int = 0, day: str = DAY) -> Entry:
    return Entry(day, team, Spent(pico, tokens))


async def told(path: Path, writer: str, *entries: Entry, day: str = DAY) -> Standing:
    store = FileStore(path)
    try:
        return await store.exchange(writer, day, entries)
    finally:
        await store.close()


def test_each_puts_in_what_it_has_in_all(tmp_path: Path):
    async def story() -> None:
        path = tmp_path / "state"
        one, other = FileStore(path), FileStore(path)
        assert await one.exchange("one", DAY, [entry("red", 5, 1), entry("blue", 9)]) == Standing(
            {"red": Spent(5, 1), "blue": Spent(9)}, {}
        )
        assert await other.exchange("other", DAY, [entry("red", 7)]) == Standing({"red": Spent(7)}, {"red": Spent(5, 1), "blue": Spent(9)})
        for _ in range(2):  # again, as if the answer had been lost
            assert (await one.exchange("one", DAY, [entry("red", 6, 2)])).others == {"red": Spent(7)}
        assert (await other.exchange("other", DAY, [])).others == {"red": Spent(6, 2), "blue": Spent(9)}
        assert await other.exchange("other", "2026-11-27", [entry("red", 8)]) == Standing({}, {})
        assert (await one.exchange("one", DAY, [])).others == {"red": Spent(8)}
        await one.close()
        await other.close()

    asyncio.run(story())
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600


def test_old_days_go(tmp_path: Path):
    path = tmp_path / "state"
    asyncio.run(told(path, "one", entry("red", 5, day="2026-11-01"), entry("red", 5, day="2026-11-20")))
    assert asyncio.run(told(path, "one", day="2026-11-01")).mine == {}
    assert asyncio.run(told(path, "one", day="2026-11-20")).mine == {"red": Spent(5)}


def test_processes_at_the_same_time(tmp_path: Path):
    program = f"""
import asyncio, sys
from pathlib import Path
from extproc.core.steps.policies import Spent
from extproc.shell.spending.file import FileStore
from extproc.shell.spending.store import Entry
async def story():
    store = FileStore(Path({str(tmp_path / "state")!r}))
    for number in range(1, 101):
        await store.exchange(sys.argv[1], "{DAY}", [Entry("{DAY}", "red", Spent(number, 1))])
    await store.close()
asyncio.run(story())
"""
    running = [subprocess.Popen([sys.executable, "-c", program, name], cwd=ROOT) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert asyncio.run(told(tmp_path / "state", "d")).others == {"red": Spent(300, 3)}


@pytest.mark.parametrize("content", [b"no database, but long enough to be looked at as one" * 100, b""])
def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path, content: bytes):
    path = tmp_path / "state"
    path.write_bytes(content)

    async def story() -> Standing:
        store = FileStore(path)
        try:
            if content:
                with pytest.raises(StoreError, match="file is not a database"):
                    await store.exchange("one", DAY, [entry("red", 5)])
            return await store.exchange("one", DAY, [entry("red", 5)])
        finally:
            await store.close()

    assert asyncio.run(story()).mine == {"red": Spent(5)}
    assert not content or (tmp_path / "state.aside").read_bytes() == content


def test_a_file_of_another_release_is_left_alone(tmp_path: Path):
    path = tmp_path / "state"
    with sqlite3.connect(path) as made:
        made.execute("PRAGMA user_version = 99")
    made.close()
    with pytest.raises(StoreError, match="a file of form 99"):
        asyncio.run(told(path, "one", entry("red", 5)))
    assert path.exists()


@pytest.mark.parametrize("counts", [("x", 1), (-1, 1), (1, 1.5)])
def test_what_is_no_count_is_not_believed(tmp_path: Path, counts: tuple[object, object]):
    path = tmp_path / "state"
    asyncio.run(told(path, "one", entry("red", 5)))
    with sqlite3.connect(path) as made:
        made.execute("INSERT INTO spent VALUES (?, 'red', 'other', ?, ?)", (DAY, *counts))
    made.close()
    with pytest.raises(StoreError, match="no count"):
        asyncio.run(told(path, "one"))


def test_a_folder_that_is_gone_and_a_lock_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(StoreError, match="No such file or directory"):
        asyncio.run(told(tmp_path / "none" / "state", "one"))
    monkeypatch.setattr(file, "_LOCKED_S", 0.05)
    path = tmp_path / "state"
    asyncio.run(told(path, "one", entry("red", 5)))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert asyncio.run(told(path, "one")).mine == {"red": Spent(5)}  # who only reads waits for nobody
    with pytest.raises(StoreError, match="locked"):
        asyncio.run(told(path, "one", entry("red", 6)))
    holder.close()
    assert asyncio.run(told(path, "one", entry("red", 6))).mine == {"red": Spent(6)}


def test_a_disk_that_hangs_costs_one_thread_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    release = threading.Event()
    real = file.opened

    def hanging(path: Path, *more: Any) -> sqlite3.Connection:
        release.wait(20)
        return real(path, *more)

    monkeypatch.setattr(file, "opened", hanging)

    async def story() -> None:
        store = FileStore(tmp_path / "state")
        first = asyncio.create_task(store.exchange("one", DAY, [entry("red", 5)]))
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="disk does not answer"):
            await store.exchange("one", DAY, [])
        release.set()
        assert (await first).mine == {"red": Spent(5)}
        assert (await store.exchange("one", DAY, [])).mine == {"red": Spent(5)}
        await store.close()

    asyncio.run(story())
