from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.simulator import ids, text
from extproc.simulator.tokens import InputTokens, automatic_input, cut, estimate, estimate_text, marked_input, pieces


def test_an_answer_names_its_model_and_quotes_the_prompt():
    said = text.answer("small-1", "Rename the variable `x`\nto `total`", 30)
    assert said.startswith('small-1 on "Rename the variable `x` to `total`": ')
    assert said.endswith(".")


def test_an_answer_has_about_as_many_words_as_wanted():
    for words in (10, 40, 400):
        count = len(text.answer("m", "Hi", words).split())
        assert words <= count < words + 20


def test_an_answer_of_no_words_is_its_opening():
    assert text.answer("m", "Hi", 0) == 'm on "Hi".'
    assert text.answer("m", "", 0) == "m here."


def test_equal_questions_get_equal_answers_and_others_get_others():
    assert text.answer("m", "One question", 40) == text.answer("m", "One question", 40)
    assert len({text.answer("m", f"Question {number}", 40).partition(":")[2] for number in range(40)}) > 5


def test_a_long_prompt_is_quoted_in_part():
    assert text.excerpt("word " * 100_000).endswith("word…")
    assert len(text.excerpt("x" * 100_000)) == 61
    assert text.excerpt(" two \n words ") == "two words"


def test_a_loop_is_one_sentence():
    said = text.loop("Hi", 100)
    first, _, rest = said.partition(". ")
    assert said == " ".join([first + "."] * (rest.count(first) + 1))
    assert rest.count(first) > 3


@given(st.text())
def test_pieces_are_the_text(whole: str):
    assert "".join(pieces(whole)) == whole


@given(st.text(), st.integers(0, 30))
def test_a_cut_text_is_a_beginning_of_so_many_tokens_at_most(whole: str, tokens: int):
    short = cut(whole, tokens)
    assert whole.startswith(short)
    assert estimate_text(short) <= tokens


def test_a_token_is_four_bytes():
    assert [estimate(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]
    assert estimate_text("äöüß") == 2


def test_anthropic_caches_what_is_marked():
    assert marked_input(400, [40, 80], answered=True, marked=False) == InputTokens(130)
    assert marked_input(400, [40], answered=False, marked=True) == InputTokens(110, written=100)
    assert marked_input(400, [40, 40, 80], answered=True, marked=True) == InputTokens(140, cached=120)
    assert marked_input(0, [], answered=False, marked=True) == InputTokens(0)


def test_openai_caches_long_prefixes_of_known_conversations():
    assert automatic_input(8000, [40, 40, 80], answered=True) == InputTokens(2040, cached=1920)
    assert automatic_input(8000, [40, 40, 80], answered=False) == InputTokens(2040)
    assert automatic_input(2000, [40, 40, 80], answered=True) == InputTokens(540)


def test_identifiers_depend_on_the_request_and_their_use():
    one, other = ids.seed_of(b"one"), ids.seed_of(b"other")
    assert ids.letters(one, "message", 22) == ids.letters(one, "message", 22)
    assert len({ids.letters(one, "a", 22), ids.letters(one, "b", 22), ids.letters(other, "a", 22)}) == 3
    assert len(ids.letters(one, "a", 29)) == 29
    assert ids.letters(one, "a", 64).isalnum()
    assert len(ids.hexadecimal(one, "a", 48)) == 48
    assert len(ids.opaque(one, "signature")) > 200
