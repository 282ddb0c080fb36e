"""The form of the decision file: one table, the whole record as JSON beside the columns that the live figures are made of.

Every column costs every request; what only a report asks for is taken out of the JSON then.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from extproc.core.money import pico
from extproc.core.records import Record
from extproc.core.vocabulary import Outcome, Plan
from extproc.shell import sqlite

_VERSION = 1
"""Of the form; in a file of another one nothing is written or read."""
_FORM = """
CREATE TABLE IF NOT EXISTS decisions (
  id INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  trace_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  plan TEXT NOT NULL,
  duration_s REAL NOT NULL,
  first_byte_s REAL,
  cost INTEGER,
  baseline INTEGER,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_at ON decisions (at);
CREATE TABLE IF NOT EXISTS abandoned (at REAL NOT NULL, trace_id TEXT NOT NULL, told BLOB NOT NULL);
"""
# There is no index of traces: it would cost each request as much as all the rest of its row, and a search begins with the newest.
# `cost` and `baseline` are picodollars, NULL where unknown. `abandoned` holds calls whose record has not come yet.

Row = tuple[object, ...]
"""The columns of one decision, in their order, without `id`."""

INSERT = f"INSERT INTO decisions VALUES (NULL{',?' * 11})"  # noqa: S608 - a row of question marks


def row(record: Record, told: bytes) -> Row:
    """Give the row of a record; `told` is the record as JSON."""
    usage = record.usage
    read, written = (usage.input, usage.output) if usage else (0, 0)
    if record.calls:
        usages = [call.usage for call in record.calls if call.usage]
        read, written = sum([one.input for one in usages]), sum([one.output for one in usages])
    cost, baseline = record.cost_usd, record.baseline_usd
    return (
        record.at,
        record.trace_id,
        _TEXT[record.outcome],
        _TEXT[record.plan],
        record.duration_s,
        record.first_byte_s,
        cost if cost is None else min(pico(cost), _HIGHEST),
        baseline if baseline is None else min(pico(baseline), _HIGHEST),
        read,
        written,
        told.decode(),
    )


_HIGHEST = 2**63 - 1
"""What SQLite can hold: nine million dollars for one request."""

# SQLite's module asks around for a long time what to do with a text that is not just a text.
_TEXT = {word: word.value for kind in (Outcome, Plan) for word in kind}


def opened(path: Path, patience_s: float) -> sqlite3.Connection:
    """Open the file to write (`shell.sqlite.opened`)."""
    made = sqlite.opened(path, patience_s, _VERSION, _FORM)
    made.execute("PRAGMA journal_size_limit = 4194304")
    return made


def opened_to_read(path: Path) -> sqlite3.Connection:
    """Open the file to read only. sqlite3.Error where there is none, or none of this form."""
    made = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0, isolation_level=None)
    try:
        (version,) = made.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            raise sqlite.ForeignError(f"no decision file of form {_VERSION}")
    except BaseException:
        made.close()
        raise
    return made
