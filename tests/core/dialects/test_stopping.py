"""Stop sequences that a model does not take are held against its answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Began, Block, Closed, Counted, Ended, Erred, Grew, Opened, Part, Piece, Stop, Stopped, gathered
from extproc.core.dialects.crossing import Crossing
from extproc.core.vocabulary import Usage

END = [Stopped(Stop.END), Counted(Usage(1, 2)), Ended()]


def answer(*texts: str, part: Part = Part.TEXT, stop: tuple[str, ...] = ("STOP",), end: list[Piece] = END) -> Answer:
    crossing = Crossing((), stop)
    pieces: list[Piece] = [Began("x", "m"), Opened(part), *map(Grew, texts), Closed(), *end]
    return gathered([piece for one in pieces for piece in crossing.take([one])])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["aSTOPb"], "a"),
        (["a", "S", "T", "O", "P", "b"], "a"),
        (["aST", "OPb", "STOP"], "a"),
        (["aSTSTOP"], "aST"),
    ],
)
def test_an_answer_ends_where_a_sequence_begins(texts: list[str], said: str):
    cut = answer(*texts)
    assert (cut.text, cut.stop, cut.sequence, cut.usage, cut.whole) == (said, Stop.SEQUENCE, "STOP", Usage(1, 2), True)


@pytest.mark.parametrize("texts", [["aSTO"], ["a", "ST"], ["S", "T", "O", "p"], ["stop"]])
def test_what_only_looks_like_one_is_told(texts: list[str]):
    whole = answer(*texts)
    assert (whole.text, whole.stop, whole.sequence) == ("".join(texts), Stop.END, "")


def test_the_first_of_several_counts():
    assert answer("a then b", stop=("b", "then")).sequence == "then"


def test_thinking_and_arguments_may_hold_one():
    assert answer("aSTOPb", part=Part.THINKING).blocks == (Block(Part.THINKING, "aSTOPb"),)
    assert answer("aSTOPb", part=Part.THINKING).stop is Stop.END


def test_what_comes_behind_it_is_passed_over():
    late: list[Piece] = [Opened(Part.CALL, "c", "look"), Grew("{}"), Closed(), Stopped(Stop.CALLS), Erred(503, "busy")]
    cut = answer("aSTOP", "more", end=late)
    assert (cut.text, cut.calls, cut.stop, cut.error, cut.whole) == ("a", [], Stop.SEQUENCE, None, True)


def test_a_text_that_is_nothing_but_one_says_nothing():
    assert answer("STOP").blocks == ()


@given(
    st.lists(st.text(alphabet="ab", max_size=3), max_size=8),
    st.lists(st.text(alphabet="ab", min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_however_it_is_cut_the_same_is_told(texts: list[str], stop: list[str]):
    said = "".join(texts)
    ends = [(at + len(sequence), at) for sequence in stop if (at := said.find(sequence)) >= 0]
    told = answer(*[text for text in texts if text], stop=tuple(stop))
    assert told.text == (said[: min(ends)[1]] if ends else said)
    assert told.stop is (Stop.SEQUENCE if ends else Stop.END)
    assert told == answer(*([said] if said else []), stop=tuple(stop))
