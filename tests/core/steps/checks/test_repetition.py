from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.steps.checks.repetition import loops
from extproc.simulator.text import loop

STORY = " ".join(f"The {number} riders came to house {number * 7} and asked for {number * 3} loaves." for number in range(200))
SENTENCE = "I will now think about the problem again. "


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE * 10,
        STORY + "\n\n" + SENTENCE * 50,
        STORY + SENTENCE * 50 + SENTENCE[:17],
        "- check the file\n- run the tests\n" * 40,
        "the " * 200,
        "ha" * 5_000,
        "我不知道。" * 100,
        f"{STORY[:1500]}\n" * 6,
        "```python\n" + "    x = compute(x)\n" * 60,
        "a" * 1_000_000,
        (STORY + "\n") * 100 + "Done, I think. " * 1_000 + "\n\n",
    ],
)
def test_loops(text: str):
    assert loops(text)


TABLE = "| day | rain |\n|---|---|\n" + "".join([f"| {day} | {day % 3} mm |\n" for day in range(60)])
POEM = "\n".join(
    [f"Verse {verse}, sung low,\nof ships that go,\n\nRow, row, row your boat,\nrow, row, row your boat,\n" for verse in "abcdefgh"]
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yes",
        "no, " * 20,
        STORY,
        STORY * 2,
        TABLE,
        "| n/a | n/a |\n" * 80,
        POEM + "Row, row, row your boat,\n" * 4,
        "".join([f"- item number {number}\n" for number in range(300)]),
        "".join([f"    assert square({number}) == {number * number}\n" for number in range(300)]),
        "".join([f"    case {number}: return {number};\n    break;\n" for number in range(200)]) + "}\n",
        "Result\n" + "-" * 2_000,
        "=" * 100_000,
        "----+" * 500,
        "0.0, " * 1_000,
        "10 / 3 = 3." + "3" * 5_000,
        "\n" * 100_000,
        "<ul>" + "<li>todo</li>\n" * 100 + "</ul>",
        "[" + '{"a": null}, ' * 200 + '{"a": null}]',
        "```\n" + "NOP\n" * 300 + "```",
        "a" * 390 + "b" + "a" * 399,
        STORY * 70,
        "ab" * 400_000 + STORY,
    ],
)
def test_no_loops(text: str):
    assert not loops(text)


def test_the_simulated_loop():
    assert loops(loop("Tell me about Rome.", 400))


@given(st.text(alphabet="ab \n", min_size=2, max_size=60), st.text(alphabet="xyz", max_size=50), st.integers(0, 60))
def test_any_piece_that_has_letters(piece: str, before: str, cut: int):
    text = before + piece * (600 // len(piece) + 1) + piece[:cut]
    assert loops(text) is any(map(str.isalpha, piece))


@given(st.lists(st.integers(), min_size=50, max_size=200, unique=True))
def test_lines_that_are_merely_alike(numbers: list[int]):
    assert not loops("".join([f"value of {number}\n" for number in numbers]))
