"""The writing side: bounded, never in the way, and honest about what it lost."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from extproc.shell.decisions import Bounds, Reader, store
from tests.shell.decisions.made import record, writing
from tests.support.system import until


def ids(path: Path, limit: int = 10_000) -> list[str]:
    return [json.loads(bytes(one))["trace_id"] for one in Reader(path).newest(limit)]


def test_what_was_put_is_there_after_a_restart(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(record(trace_id="a"), record(trace_id="b"))
        until(lambda: len(ids(path)) == 2)  # while it runs, too
    with writing(path) as writer:
        writer.put(record(trace_id="c"))
    assert ids(path) == ["c", "b", "a"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert writer.lost == []


def test_several_writers_share_a_file(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as one, writing(path) as other:
        for number in range(50):
            one.put(record(trace_id=f"a{number}"))
            other.put(record(trace_id=f"b{number}"))
    assert len(set(ids(path))) == 100
    assert one.lost == other.lost == []


@pytest.mark.parametrize("bounds", [Bounds(rows=300, age_s=1e12), Bounds(age_s=1e12, bytes=200_000)])
def test_the_oldest_go_first(tmp_path: Path, bounds: Bounds):
    path = tmp_path / "decisions.sqlite"
    with writing(path, bounds) as writer:
        for start in range(0, 3000, 100):
            writer.put(*[record(trace_id=str(number)) for number in range(start, start + 100)])
            until(lambda: ids(path, 1) == [str(start + 99)])  # noqa: B023 - called before the next turn
    kept = ids(path)
    assert kept == [str(number) for number in range(2999, 2999 - len(kept), -1)]
    assert 100 < len(kept) < 900  # the bound, and what comes between two looks at it
    assert path.stat().st_size < 800_000


def test_what_is_too_old_goes(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path, Bounds(age_s=3600)) as writer:
        writer.put(record(at=1_000_000.0, trace_id="old"), record(at=9e9, trace_id="new"))
    assert ids(path) == ["new"]


def test_a_full_queue_drops_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "_QUEUED", 3)
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(*[record(trace_id=str(number)) for number in range(5)])
        assert writer.lost == [(2, "queue_full")]
    assert ids(path) == ["2", "1", "0"]


@pytest.mark.parametrize("content", [b"this is no database" * 500, b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, content: bytes):
    path = tmp_path / "decisions.sqlite"
    path.write_bytes(content)
    with writing(path) as writer:
        writer.put(record(trace_id="a"))
        until(lambda: ids(path) == ["a"])
    assert len(writer.warnings) == 1
    assert writer.lost == []
    assert (tmp_path / "decisions.sqlite.aside").read_bytes() == content


def test_a_file_that_is_damaged_while_it_is_open(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(*[record() for _ in range(50)])
        until(lambda: len(ids(path)) == 50)
        with sqlite3.connect(path) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.close()
        with path.open("r+b") as raw:
            raw.write(os.urandom(path.stat().st_size))
        writer.put(record(trace_id="after"))
        until(lambda: ids(path) == ["after"])
    assert len(writer.warnings) == 1


def test_a_file_of_another_release_is_kept(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with writing(path) as writer:
        writer.put(record(trace_id="a"))
    assert ids(path) == ["a"]
    assert (tmp_path / "decisions.sqlite.aside").exists()


def test_a_locked_file_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "_LOCKED_S", 0.05)
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(record(trace_id="a"))
        until(lambda: ids(path) == ["a"])
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        writer.put(record(trace_id="b"))
        until(lambda: writer.warnings)
        lock.execute("ROLLBACK")
        lock.close()
        until(lambda: ids(path) == ["b", "a"])
    assert (len(writer.warnings), writer.lost) == (1, [])


def test_a_file_that_stays_locked_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "_LOCKED_S", 0.05)
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(record(trace_id="a"))
        until(lambda: ids(path) == ["a"])
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        writer.put(record(), record())
        until(lambda: writer.warnings)
    lock.close()
    assert writer.lost == [(2, "unwritable")]


def test_a_folder_that_is_not_there_costs_the_records_and_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "_AGAIN_S", 0.0)
    path = tmp_path / "gone" / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(record())
        until(lambda: len(writer.lost) == 1)
        writer.put(record())
        until(lambda: len(writer.lost) == 2)
        assert (writer.lost, len(writer.warnings)) == ([(1, "unwritable")] * 2, 1)
        path.parent.mkdir()
        writer.put(record(trace_id="a"))
        until(lambda: ids(path) == ["a"])
        assert len(writer.lost) == 2


def test_a_full_disk_costs_the_records_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "_AGAIN_S", 0.0)
    path = tmp_path / "decisions.sqlite"
    real = store.opened

    def small(path: Path, patience_s: float) -> sqlite3.Connection:
        file = real(path, patience_s)
        if full.is_set():
            file.execute("PRAGMA max_page_count = 8")  # SQLITE_FULL, as of a full disk
        return file

    full = threading.Event()
    full.set()
    monkeypatch.setattr(store, "opened", small)
    with writing(path) as writer:
        for count in (1, 2, 3):
            writer.put(*[record() for _ in range(100)])
            until(lambda: len(writer.lost) == count)  # noqa: B023 - called before the next turn
        assert {why for _, why in writer.lost} == {"unwritable"}
        assert len(writer.warnings) == 1
        full.clear()
        writer.put(record(trace_id="a"))
        until(lambda: ids(path) == ["a"])


def test_an_amount_beyond_all_measure_takes_nobody_with_it(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(record(trace_id="a", cost_usd=1e30, baseline_usd=1e30), record(trace_id="b"))
    assert ids(path) == ["b", "a"]
    assert writer.lost == []
