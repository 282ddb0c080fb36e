"""Records and decision files for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from extproc.core.records import Record
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.shell.decisions import Bounds, Decisions


def record(**changes: object) -> Record:
    """Give a record; by default a SKIPPED one at an even time."""
    given: dict[str, object] = {
        "at": 1_700_000_000.25,
        "trace_id": "t" * 32,
        "outcome": Outcome.SKIPPED,
        "plan": Plan.DRAFT,
        "dialect": "anthropic",
        "path": "/v1/messages",
        "turn": "chat",
        "score": 0.1,
        "rules": ("greeting",),
        "wanted": "",
        "requested_model": "big",
        "model": "small",
        "role": Role.DRAFT,
        "status": 200,
        "duration_s": 0.5,
        "first_byte_s": 0.1,
        "request_bytes": 10,
        "response_bytes": 20,
        "usage": Usage(100, 10),
        "cost_usd": 0.25,
        "baseline_usd": 1.0,
    }
    return Record(**{**given, **changes})  # type: ignore[arg-type]


class Writer:
    """A `Decisions`, and what it told."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.lost: list[tuple[int, str]] = []
        self.warnings: list[str] = []
        self.decisions = Decisions(path, bounds, lambda count, why: self.lost.append((count, why)), self.warnings.append)

    def put(self, *records: Record) -> None:
        """Hand records over, as the journal does."""
        self.decisions.put([(one, msgspec.json.encode(one)) for one in records])


@contextmanager
def writing(path: Path, bounds: Bounds | None = None) -> Iterator[Writer]:
    """Run a writer; when it is left, all has been written."""
    writer = Writer(path, bounds or Bounds(age_s=1e12))
    writer.decisions.start()
    try:
        yield writer
    finally:
        writer.decisions.stop()
