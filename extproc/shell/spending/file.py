"""What teams spend, in one SQLite file that the workers of a sidecar share."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from extproc.shell.spending.store import Entry, Row, Standing, StoreError, standing
from extproc.shell.sqlite import opened

_VERSION = 1
_FORM = """
CREATE TABLE IF NOT EXISTS spent (
  day TEXT NOT NULL, team TEXT NOT NULL, writer TEXT NOT NULL, pico_usd INTEGER NOT NULL, tokens INTEGER NOT NULL,
  PRIMARY KEY (day, team, writer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sidecar (id TEXT NOT NULL);
"""
_PUT = "INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?, ?)"
_GET = "SELECT team, writer, pico_usd, tokens FROM spent WHERE day = ?"
_LOCKED_S = 0.5
_KEPT = timedelta(days=7)
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class FileStore:
    """One process's connection to the file. It is used on a thread of its own: a disk may hang."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._at_work: Future[list[Row]] | None = None
        self._file: sqlite3.Connection | None = None

    async def exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Standing:
        """See `Store`."""
        return standing(writer, await self._on_thread(self._exchange, writer, day, entries))

    async def _on_thread(self, work: Callable[..., list[Row]], *told: object) -> list[Row]:
        if self._at_work is not None and not self._at_work.done():
            raise StoreError(f"{self._path}: its disk does not answer")
        self._at_work = self._thread.submit(self._done, work, *told)
        try:
            return await asyncio.wrap_future(self._at_work)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self._path}: {(isinstance(error, OSError) and error.strerror) or error}") from error

    async def identity(self, new: str) -> str:
        """Give the name of the sidecar whose workers share the file; `new` where it has none yet. StoreError as in `exchange`."""
        rows = await self._on_thread(self._identity, new)
        return str(rows[0][0])

    async def close(self) -> None:
        """Close the file, as soon as it lets itself be closed."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    # On the thread of its own.

    def _done(self, work: Callable[..., list[Row]], *told: object) -> list[Row]:
        try:
            self._file = self._file or opened(self._path, _LOCKED_S, _VERSION, _FORM)
            return work(self._file, *told)
        except sqlite3.Error as error:
            self._close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                _set_aside(self._path)
            raise

    @staticmethod
    def _exchange(file: sqlite3.Connection, writer: str, day: str, entries: Sequence[Entry]) -> list[Row]:
        if entries:
            _put(file, writer, day, entries)
        return file.execute(_GET, (day,)).fetchall()

    @staticmethod
    def _identity(file: sqlite3.Connection, new: str) -> list[Row]:
        known = "SELECT id, '', 0, 0 FROM sidecar LIMIT 1"
        if not file.execute(known).fetchall():
            file.execute("INSERT INTO sidecar SELECT ? WHERE NOT EXISTS (SELECT * FROM sidecar)", (new,))
        return file.execute(known).fetchall()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(sqlite3.Error):
                file.close()


def _put(file: sqlite3.Connection, writer: str, day: str, entries: Sequence[Entry]) -> None:
    file.execute("BEGIN IMMEDIATE")
    try:
        file.executemany(_PUT, [(one.day, one.team, writer, one.spent.pico_usd, one.spent.tokens) for one in entries])
        file.execute("DELETE FROM spent WHERE day < ?", ((date.fromisoformat(day) - _KEPT).isoformat(),))
        file.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            file.execute("ROLLBACK")
        raise


def _set_aside(path: Path) -> None:
    """Put a damaged file out of the way, unless another worker has done so already: whoever lives puts in again what it has spent."""
    with suppress(OSError):
        held = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not _is_whole(path):
                path.replace(path.with_name(f"{path.name}.aside"))
                for ending in ("-wal", "-shm"):
                    path.with_name(path.name + ending).unlink(missing_ok=True)
        finally:
            os.close(held)


def _is_whole(path: Path) -> bool:
    try:
        file = opened(path, _LOCKED_S, _VERSION, _FORM)
    except sqlite3.Error:
        return False
    try:
        return bool(file.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False
    finally:
        file.close()
