"""The writing side: a bounded queue, one thread that empties it into the file, and what becomes of trouble.

Nothing here may touch a request. A full queue drops and counts; a file that is locked is tried again; one that is damaged is moved
aside and begun anew; where nothing helps (a full disk, a folder that is gone) batches are dropped and counted until it works again.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time

from extproc.core.records import Abandoned, Record
from extproc.shell.decisions.joining import attach, completed, encoded, waits
from extproc.shell.decisions.table import INSERT, Row, opened, row
from extproc.shell.sqlite import ForeignError

_QUEUED = 10_000
"""Records that may wait: some seconds of the fastest traffic that one worker can have."""
_BATCH = 1_000
_GATHER_S = 0.05
_LOCKED_S = 1.0
_AGAIN_S = 2.0
"""After trouble, how long batches are dropped before the file is tried again."""
_TRIM_EVERY = 500
_STOP_S = 3.0

_Item = tuple[Record, bytes] | Abandoned
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept; the oldest goes first."""

    rows: int = 100_000
    age_s: float = 2_592_000.0
    bytes: int = 268_435_456


class Decisions:
    """The decisions of one worker on their way into the file."""

    def __init__(
        self,
        path: Path,
        bounds: Bounds,
        drop: Callable[[int, str], None],
        warn: Callable[[str], None],
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Open nothing yet.

        Args:
            path: of the file, which other workers write, too.
            bounds: how much is kept.
            drop: is told how many records were lost, and why (`queue_full`, `unwritable`); called on any thread.
            warn: is told once when writing begins to fail; called on any thread.
            before: is called before records can be seen, on the thread that writes: what is to be seen before them.
        """
        self.path = path
        self._bounds = bounds
        self._drop = drop
        self._warn = warn
        self._before = before
        self._queue: deque[_Item] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
        self._file: sqlite3.Connection | None = None
        self._again_at = 0.0
        self._warned = False
        self._untrimmed = _TRIM_EVERY

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits and close the file; blocks for some seconds at most."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def put(self, records: Sequence[tuple[Record, bytes]]) -> None:
        """Take records, each with itself as JSON. Never waits."""
        self._enqueue(records)

    def attach(self, told: Abandoned) -> None:
        """Take calls that belong to a record which comes, or came, without them. Never waits."""
        self._enqueue([told])

    def _enqueue(self, items: Sequence[_Item]) -> None:
        room = max(0, _QUEUED - len(self._queue))
        if len(items) > room:
            self._drop(len(items) - room, "queue_full")
            items = items[:room]
        self._queue.extend(items)
        self._wake.set()

    # On the thread of its own.

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            self._stopping.wait(_GATHER_S)
            self._empty()
        self._close()

    def _empty(self) -> None:
        queue = self._queue
        while queue:
            batch = [queue.popleft() for _ in range(min(len(queue), _BATCH))]
            while not self._written(batch):
                if self._stopping.wait(_GATHER_S):
                    self._drop(len(batch), "unwritable")
                    break

    def _written(self, batch: list[_Item], *, anew: bool = False) -> bool:
        """Write a batch, or give it up and count it. False: it is worth trying again. `anew`: the file has just been begun anew."""
        if monotonic() < self._again_at:
            self._drop(len(batch), "unwritable")
            return True
        try:
            self._insert(batch)
        except Exception as error:  # whatever it is, it may not end this thread
            self._complain(error)
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _BUSY:
                return False
            self._close()
            if (code in _DAMAGED or isinstance(error, ForeignError)) and not anew and self._moved_aside():
                return self._written(batch, anew=True)
            self._again_at = monotonic() + _AGAIN_S
            self._drop(len(batch), "unwritable")
            return True
        self._warned = False
        return True

    def _insert(self, batch: list[_Item]) -> None:
        file = self._file = self._file or opened(self.path, _LOCKED_S)
        self._before()
        file.execute("BEGIN IMMEDIATE")
        try:
            file.executemany(INSERT, [self._row(file, *item) for item in batch if isinstance(item, tuple)])
            for item in batch:
                if isinstance(item, Abandoned):
                    attach(file, item)
            self._untrimmed += len(batch)
            if self._untrimmed >= _TRIM_EVERY:
                self._trim(file)
                self._untrimmed = 0
            file.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                file.execute("ROLLBACK")
            raise

    def _row(self, file: sqlite3.Connection, record: Record, told: bytes) -> Row:
        whole = completed(file, record) if waits(record) else None
        return row(record, told) if whole is None else row(whole, encoded(whole))

    def _trim(self, file: sqlite3.Connection) -> None:
        """Delete what is beyond the bounds. Freed pages are used again, so the file does not grow on."""
        bounds = self._bounds
        # The newest stays in any case: ids are given out from the highest on, and no number may come twice.
        file.execute("DELETE FROM decisions WHERE at < ? AND id < (SELECT MAX(id) FROM decisions)", (time() - bounds.age_s,))
        file.execute("DELETE FROM decisions WHERE id <= (SELECT MAX(id) FROM decisions) - ?", (bounds.rows,))
        pages, free, size = (file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
        if (used := (pages - free) * size) > bounds.bytes:
            (count,) = file.execute("SELECT COUNT(*) FROM decisions").fetchone()
            surplus = int(count * (1 - bounds.bytes / used)) + count // 10
            file.execute("DELETE FROM decisions WHERE id IN (SELECT id FROM decisions ORDER BY id LIMIT ?)", (surplus,))

    def _moved_aside(self) -> bool:
        """Put a damaged file out of the way, unless another worker has done so already. False where that cannot be done."""
        try:
            held = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if self._is_whole():
                return True
            self.path.replace(self.path.with_name(f"{self.path.name}.aside"))
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        except OSError:
            return False
        finally:
            os.close(held)
        return True

    def _is_whole(self) -> bool:
        try:
            file = opened(self.path, _LOCKED_S)
        except sqlite3.Error:
            return False
        try:
            return bool(file.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        except sqlite3.Error:
            return False
        finally:
            file.close()

    def _complain(self, error: Exception) -> None:
        """Say once that decisions cannot be written; again only after it has worked in between."""
        if not self._warned:
            self._warned = True
            self._warn(f"{self.path}: {error}")

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(sqlite3.Error):
                file.close()
