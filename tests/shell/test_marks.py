"""Marks are read as they were written, by whichever worker."""

from __future__ import annotations

from time import monotonic, time_ns

import pytest

from extproc.core.records import Note, Trace
from extproc.core.vocabulary import Outcome, Plan
from extproc.shell.marks import begun, read_begun, read_told, told

NOTE = Note(Outcome.SKIPPED, Plan.DRAFT, "anthropic", "small", (), "ab" * 16)


def trace(began_s: float, heard_s: float = 0.0) -> Trace:
    return Trace("1" * 16, "2" * 16, sampled=True, kept=True, began_s=began_s, heard_s=heard_s, stream=True)


def test_what_is_known_at_the_beginning():
    now_s, now_ns = monotonic(), time_ns()
    marks = read_begun(begun(trace(now_s - 2.0, now_s - 1.5)))
    assert marks is not None
    assert (marks.span_id, marks.parent_id, marks.stream) == ("1" * 16, "2" * 16, True)
    assert marks.arrived_ns == pytest.approx(now_ns - 2e9, abs=1e9)
    assert marks.heard_ns == pytest.approx(5e8, abs=1e3)
    assert marks.heard_ns < marks.decided_ns


def test_a_body_that_nobody_looked_at():
    marks = read_begun(begun(trace(monotonic())))
    assert marks is not None
    assert marks.heard_ns == 0


@pytest.mark.parametrize("answered", [None, 1.0])
def test_what_is_known_at_the_end(answered: float | None):
    now_s = monotonic()
    note = Note(**{name: getattr(NOTE, name) for name in NOTE.__struct_fields__} | {"answered_s": answered and now_s - answered})
    marks = read_told(told(note, trace(now_s - 3.0)))
    assert marks is not None
    assert marks.told_ns == pytest.approx(3e9, abs=1e9)
    assert marks.answered_ns is None if answered is None else marks.answered_ns == pytest.approx(2e9, abs=1e3)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "nonsense", '["a","b","c",0,0,true]'])
def test_what_another_release_has_written_says_nothing(text: str):
    assert read_begun(text) is None
    assert read_told(text) is None
