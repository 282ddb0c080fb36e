"""Brings together what is known of a request whose client left before it was answered.

Its record comes from Envoy's access log and knows that the client left; the worker that worked for it knows the calls that were made.
The two may come to different workers, in either order, so they meet in the file. Where several such requests share a trace, their
calls are given out in turn: which of them made which is not known, but each call is in the books once.
"""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec.structs import replace

from extproc.core.books import spent
from extproc.core.money import pico, usd
from extproc.core.records import Abandoned, Record
from extproc.core.vocabulary import Outcome

_ENCODER = msgspec.json.Encoder()
_RECORD = msgspec.json.Decoder(Record)
_ABANDONED = msgspec.json.Decoder(Abandoned)
_KEPT_S = 3600.0
_NEAR = 10_000
"""Among so many of the newest a record is looked for: it comes within a second."""


def waits(record: Record) -> bool:
    """Whether there may be calls that a record does not know of."""
    return not record.calls and bool(record.error or record.outcome is Outcome.FAILED)


def completed(file: sqlite3.Connection, record: Record) -> Record | None:
    """Give a record with the calls that were told before it; None where there are none."""
    found = file.execute("SELECT rowid, told FROM abandoned WHERE trace_id = ? ORDER BY rowid LIMIT 1", (record.trace_id,)).fetchone()
    if found is None:
        return None
    number, told = found
    file.execute("DELETE FROM abandoned WHERE rowid = ?", (number,))
    return _joined(record, _ABANDONED.decode(told))


def attach(file: sqlite3.Connection, told: Abandoned) -> None:
    """Enter calls into their record, or keep them until it comes."""
    rows = file.execute(
        "SELECT id, record FROM decisions WHERE id > (SELECT MAX(id) FROM decisions) - ? AND trace_id = ? ORDER BY id",
        (_NEAR, told.trace_id),
    ).fetchall()
    for number, text in rows:
        record = _RECORD.decode(text)
        if waits(record):
            whole = _joined(record, told)
            usages = [call.usage for call in whole.calls if call.usage]
            file.execute(
                "UPDATE decisions SET record = ?, cost = ?, baseline = ?, input_tokens = ?, output_tokens = ? WHERE id = ?",
                (
                    _ENCODER.encode(whole).decode(),
                    None if whole.cost_usd is None else pico(whole.cost_usd),
                    0,
                    sum(usage.input for usage in usages),
                    sum(usage.output for usage in usages),
                    number,
                ),
            )
            return
    file.execute("INSERT INTO abandoned VALUES (?, ?, ?)", (told.at, told.trace_id, _ENCODER.encode(told)))
    file.execute("DELETE FROM abandoned WHERE at < ?", (told.at - _KEPT_S,))


def encoded(record: Record) -> bytes:
    """Write a record as JSON."""
    return _ENCODER.encode(record)


def _joined(record: Record, told: Abandoned) -> Record:
    cost = spent(told.calls)
    return replace(record, calls=told.calls, rules=told.rules, cost_usd=None if cost is None else usd(cost), baseline_usd=0.0)
