"""The client's end of a held exchange."""

from __future__ import annotations

import pytest

from extproc.core.commands import Command, EndWithTrailers, Hold, Leave, Reply, SendBody, StartResponse
from extproc.core.events import Headers, ResponseHeaders
from extproc.core.paths.outlet import Outlet, chunks, removable
from extproc.core.records import Note
from extproc.core.vocabulary import Outcome, Plan

NOTE = Note(Outcome.ACCEPTED, Plan.CASCADE, "anthropic", "small", (), "t" * 32)
OWN = [("content-type", b"text/event-stream")]


def placeholder(*, end: bool = False) -> ResponseHeaders:
    pairs = [(":status", b"503"), ("x-envoy-upstream", b"1"), ("x-b", b"1"), ("content-type", b"a/b")]
    return ResponseHeaders(1.0, Headers(pairs), end)


def test_ours_must_not_inherit_headers_but_envoys_own_cannot_be_taken_away():
    assert removable(placeholder()) == ("content-type", "x-b")


def test_a_known_placeholder_is_replaced_at_once():
    outlet = Outlet()
    assert outlet.placeholder(placeholder(), 9.0) == [Hold(9.0)]
    assert outlet.start(200, OWN, NOTE, 2.0, pending=True) == [StartResponse(200, OWN, ("content-type", "x-b"), NOTE, True)]
    assert (outlet.started, outlet.sent, outlet.last_s) == (True, False, 2.0)
    assert outlet.send(b"", 3.0) == []
    assert outlet.last_s == 2.0
    assert outlet.send(b"piece", 3.0) == [SendBody(b"piece")]
    assert (outlet.sent, outlet.last_s) == (True, 3.0)
    assert outlet.finish(NOTE, b"last") == [SendBody(b"last", end=True, note=NOTE), Leave()]


def test_what_comes_before_the_placeholder_waits_for_it():
    outlet = Outlet()
    assert outlet.start(200, OWN, NOTE, 2.0) == outlet.send(b"piece", 3.0) == outlet.finish(NOTE) == []
    expected = [StartResponse(200, OWN, ("content-type", "x-b"), NOTE), SendBody(b"piece"), SendBody(b"", end=True, note=NOTE), Leave()]
    assert outlet.placeholder(placeholder(), 9.0) == expected


@pytest.mark.parametrize("early", [True, False])
def test_where_the_placeholder_has_no_body_all_goes_out_in_one_message(early: bool):
    outlet = Outlet()
    commands: list[Command] = [] if early else outlet.placeholder(placeholder(end=True), 9.0)
    commands += [*outlet.start(200, OWN, NOTE, 2.0), *outlet.send(b"one ", 3.0), *outlet.finish(NOTE, b"two")]
    commands += outlet.placeholder(placeholder(end=True), 9.0) if early else []
    assert commands[-2:] == [Reply(200, OWN, b"one two", NOTE), Leave()]
    assert commands[:-2] == ([] if early else [Hold(9.0)])


def test_trailers_are_answered_at_the_end_and_the_note_goes_before_them():
    outlet = Outlet()
    outlet.placeholder(placeholder(), 9.0)
    outlet.start(200, OWN, NOTE, 2.0)
    outlet.trailers = True
    assert outlet.finish(NOTE, b"last") == [SendBody(b"last", note=NOTE), EndWithTrailers(), Leave()]


@pytest.mark.parametrize(("size", "sizes"), [(0, []), (1, [1]), (62_000, [62_000]), (130_000, [62_000, 62_000, 6_000])])
def test_pieces_are_cut_to_what_envoy_takes(size: int, sizes: list[int]):
    assert [len(piece.data) for piece in chunks(b"x" * size)] == sizes
    outlet = Outlet()
    outlet.placeholder(placeholder(), 9.0)
    ends = [command for command in outlet.finish(NOTE, b"x" * size) if isinstance(command, SendBody)]
    assert [len(piece.data) for piece in ends] == (sizes or [0])
    assert [piece.end for piece in ends] == [*[False] * (len(ends) - 1), True]
