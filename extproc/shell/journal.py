"""Finished requests → the metrics, standard output as JSON lines, the decision log, and what teams have spent."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Any

import msgspec

from extproc.core.records import Abandoned, Comparison, Note, Record
from extproc.shell.decisions import Decisions
from extproc.shell.meters import Meters
from extproc.shell.spending import Counts as Spending

_KEPT = 1000
"""Comparisons kept for the admin API."""


class Journal:
    """Takes what was finished, in batches."""

    def __init__(
        self, meters: Meters, decisions: Decisions | None = None, spending: Spending | None = None, *, quiet: bool = False
    ) -> None:
        self._meters = meters
        self._spending = spending or Spending()
        self._decisions = decisions
        self._quiet = quiet
        self._compared: deque[Comparison] = deque(maxlen=_KEPT)

    def take(self, records: Sequence[Record]) -> None:
        """Take a batch of records; one write for all their lines."""
        self._meters.finished(records)
        self._spending.finished(records)
        told = [_ENCODER.encode(record) for record in records]
        if self._decisions is not None:
            self._decisions.put(list(zip(records, told, strict=True)))
        if not self._quiet:
            _print(b"".join([_line("request", record.at, text) for record, text in zip(records, told, strict=True)]))

    def abandoned(self, note: Note) -> None:
        """Take the calls for a client that has left before it was answered: the record of its request comes without them."""
        self._meters.wasted(note)
        self._spending.wasted(note)
        told = Abandoned(time(), note.trace_id, note.rules, note.calls)
        if self._decisions is not None:
            self._decisions.attach(told)
        if not self._quiet:
            _print(_line("abandoned", told.at, _ENCODER.encode(told)))

    def compare(self, comparison: Comparison) -> None:
        """Take what the cascade would have made of one request."""
        self._meters.compared(comparison)
        self._spending.compared(comparison)
        self._compared.append(comparison)
        if not self._quiet:
            _print(_line("shadow", comparison.at, _ENCODER.encode(comparison)))

    def compared(self, limit: int) -> list[dict[str, Any]]:
        """Give the newest comparisons first."""
        newest = list(self._compared)[: -limit - 1 : -1] if limit > 0 else []
        return [msgspec.to_builtins(one) for one in newest]


def warn(event: str, message: str) -> None:
    """Tell the operator of trouble, as a line among the others. Any thread."""
    _print(_line(event, time(), _ENCODER.encode({"message": message}), level="warning"))


def _print(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


_ENCODER = msgspec.json.Encoder()


@lru_cache(maxsize=2)
def _head(second: int) -> str:
    """The beginning of a line, down to the second: the same for many lines."""
    return datetime.fromtimestamp(second, UTC).strftime('{"time":"%Y-%m-%dT%H:%M:%S')


def _line(event: str, at: float, told: bytes, level: str = "info") -> bytes:
    """One line of the log: when, how grave, what, and then its fields. No content, no secrets."""
    second = int(at)
    head = f'{_head(second)}.{int((at - second) * 1000):03d}Z","level":"{level}","event":"{event}",'
    return head.encode() + told[1:] + b"\n"
