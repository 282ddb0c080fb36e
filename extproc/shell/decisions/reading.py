"""The reading side: the newest decisions, one of them, and the figures of a time. Every call blocks; run them in a thread.

Each call opens the file for itself, so that a file which was moved aside or deleted is noticed, and a reader never holds one back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import time

import msgspec

from extproc.report.figures import Bucket, Figures, FirstBytes, Group, Summary
from extproc.shell.decisions import queries
from extproc.shell.decisions.table import opened_to_read


class Reader:
    """Reads a decision file. What cannot be read is as if it were empty, unless `strict`."""

    def __init__(self, path: Path, *, strict: bool = False) -> None:
        self._path = path
        self._strict = strict

    def newest(self, limit: int) -> list[msgspec.Raw]:
        """Give the newest decisions first: JSON objects, the record and its `id`."""
        return self._records("ORDER BY id DESC LIMIT ?", limit)

    def after(self, number: int, limit: int) -> list[msgspec.Raw]:
        """Give the decisions with an `id` above a number, oldest first: what came since that one was read."""
        return self._records("WHERE id > ? ORDER BY id LIMIT ?", number, limit)

    def one(self, trace_id: str) -> msgspec.Raw | None:
        """Give the decision of a trace, the newest where it has several; None where there is none."""
        return next(iter(self._records("WHERE trace_id = ? ORDER BY id DESC LIMIT 1", trace_id)), None)

    def numbered(self, number: int) -> msgspec.Raw | None:
        """Give the decision with this `id`; None where it is not there (any more)."""
        return next(iter(self._records("WHERE id = ?", number)), None)

    def last_id(self) -> int:
        """Give the highest `id`; 0 where there is none."""
        with self._file() as file:
            return int(file.execute("SELECT MAX(id) FROM decisions").fetchone()[0] or 0) if file else 0

    def summary(self, since_s: float | None = None) -> Summary:
        """Give the figures of the last `since_s` seconds, over all and by outcome."""
        since = _since(since_s)
        with self._file() as file:
            if file is None:
                return Summary(since_s=since_s, first_at=None, last_at=None, all=queries.NOTHING, outcomes={})
            first, last = file.execute("SELECT MIN(at), MAX(at) FROM decisions WHERE at >= ?", (since,)).fetchone()
            queries.gather(file, queries.KEYS["outcome"], since)
            everything, outcomes = queries.figures(file, "''"), queries.figures(file)
        return Summary(
            since_s=since_s,
            first_at=first,
            last_at=last,
            all=everything.get("", queries.NOTHING),
            outcomes={name: outcomes[name] for name in sorted(outcomes)},
        )

    def groups(self, by: str, since_s: float | None = None) -> list[Group]:
        """Give the figures of the last `since_s` seconds by one of `queries.KEYS`, the most frequent first. KeyError for another."""
        key = queries.KEYS[by]
        found: dict[str, Figures] = {}
        with self._file() as file:
            if file is not None:
                queries.gather(file, key, _since(since_s))
                found = queries.figures(file)
        ordered = sorted(found.items(), key=lambda item: (-item[1].requests, item[0]))
        return [Group(name=name, figures=figures) for name, figures in ordered]

    def series(self, since_s: float, bucket_s: float) -> list[Bucket]:
        """Give the last `since_s` seconds in stretches of `bucket_s`, oldest first; stretches without a request are left out."""
        with self._file() as file:
            return queries.series(file, _since(since_s), bucket_s) if file else []

    def first_bytes(self, since_s: float, bucket_s: float) -> list[FirstBytes]:
        """Give the median times to the first byte by plan, as `series` does."""
        with self._file() as file:
            return queries.first_bytes(file, _since(since_s), bucket_s) if file else []

    def _records(self, which: str, *values: object) -> list[msgspec.Raw]:
        with self._file() as file:
            rows = file.execute(f"SELECT id, record FROM decisions {which}", values).fetchall() if file else []  # noqa: S608 - ours
        return [msgspec.Raw(f'{{"id":{number},{record[1:]}'.encode()) for number, record in rows]

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection | None]:
        try:
            file = opened_to_read(self._path)
        except sqlite3.Error:
            if self._strict:
                raise
            yield None
            return
        with closing(file):
            file.execute("BEGIN")  # one state of things for all queries of a call
            yield file


def _since(since_s: float | None) -> float:
    return 0.0 if since_s is None else time() - since_s
