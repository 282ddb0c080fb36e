"""Common words of two answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Block, Part
from extproc.core.steps.similarity import similarity


def said(text: str, part: Part = Part.TEXT, name: str = "") -> Answer:
    return Answer(blocks=(Block(part, text, name=name),))


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("", "", 1.0),
        ("", "a", 0.0),
        ("...", "!", 1.0),
        ("The sea, the SEA.", "the sea the sea", 1.0),
        ("a b c d", "d c x y", 0.5),
        ("a a a", "a", 0.5),
        ("海は青い", "海は広い", 0.75),
        ("Straße", "STRASSE", 1.0),
    ],
)
def test_words_in_common(one: str, other: str, share: float):
    assert similarity(said(one), said(other)) == pytest.approx(share)


@given(st.text(), st.text())
def test_it_is_symmetric_and_a_share(one: str, other: str):
    found = similarity(said(one), said(other))
    assert 0 <= found <= 1
    assert found == similarity(said(other), said(one))
    assert similarity(said(one), said(one)) == 1


def test_thinking_does_not_count_and_calls_do():
    assert similarity(said("deep thoughts", Part.THINKING), said("")) == 1
    assert similarity(said('{"city":"Paris"}', Part.CALL, "weather"), said('{"city": "Paris"}', Part.CALL, "clock")) == pytest.approx(2 / 3)


def test_only_the_beginning_of_a_long_answer_is_looked_at():
    assert similarity(said("a " * 10_000), said("a " * 10_000 + "b " * 10_000)) == 1
