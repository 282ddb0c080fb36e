"""How a SQLite file that several processes write is opened."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

_PAUSE_S = 0.01


class ForeignError(sqlite3.DatabaseError):
    """The file has a form that this release does not write."""


def opened(path: Path, patience_s: float, version: int, form: str) -> sqlite3.Connection:
    """Open the file to write, mode 0600, and give it its form where it is new. For any thread, in autocommit mode.

    Raises:
        OSError: It cannot be made.
        sqlite3.Error: It is no database, or locked for longer than `patience_s`; ForeignError where its form is another.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    made = sqlite3.connect(path, timeout=patience_s, isolation_level=None, check_same_thread=False)
    try:
        _let_read_while_written(made, patience_s)
        made.execute("PRAGMA synchronous = NORMAL")
        (found,) = made.execute("PRAGMA user_version").fetchone()
        if found == 0:
            made.executescript(f"BEGIN IMMEDIATE;{form}PRAGMA user_version = {version};COMMIT;")
        elif found != version:
            raise ForeignError(f"a file of form {found}, and this release writes form {version}")
    except BaseException:
        made.close()
        raise
    return made


def _let_read_while_written(file: sqlite3.Connection, patience_s: float) -> None:
    """Switch on the write-ahead log. While another process does so, SQLite says at once that the file is locked, whatever its timeout."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            file.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
