from __future__ import annotations

import pytest

from extproc.config.problems import ConfigError, Problem, Source, Spot, shown

SOURCE = Source("c.yaml", {(): Spot(1, 1, ""), ("models",): Spot(3, 1, "a section"), ("models", "draft"): Spot(4, 3, "a section")})


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("models.draft", "expected text", "c.yaml", 4, 3), "c.yaml:4: models.draft: expected text"),
        (Problem("", "no such file", "c.yaml"), "c.yaml: no such file"),
        (Problem("mode", "expected text"), "mode: expected text"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    assert str(problem) == line


def test_problems_are_told_in_the_order_of_the_file() -> None:
    error = ConfigError([Problem("b", "2", "c", 9, 1), Problem("", "0", "c"), Problem("a", "1", "c", 2, 7), Problem("a", "0", "c", 2, 1)])
    assert str(error).splitlines() == ["c: 0", "c:2: a: 0", "c:2: a: 1", "c:9: b: 2"]


@pytest.mark.parametrize(
    ("path", "line"), [(("models", "draft"), 4), (("models", "draft", "model"), 4), (("models", "verify", "model"), 3), (("mode",), 1)]
)
def test_what_the_file_leaves_out_is_placed_at_its_section(path: tuple[str, ...], line: int) -> None:
    problem = SOURCE.problem(path, "missing")
    assert (problem.key, problem.line) == (".".join(path), line)


def test_without_a_file_there_is_no_line() -> None:
    assert str(Source().problem(("mode",), "odd")) == "mode: odd"


def test_where_a_value_came_from_makes_it_no_other_value() -> None:
    assert Source() == SOURCE


@pytest.mark.parametrize(
    ("key", "printed"), [("mode", "mode"), ("größe", "größe"), ("a\nb", r"'a\nb'"), ("\x1b[31m", r"'\x1b[31m'"), ("x" * 99, "x" * 60 + "…")]
)
def test_a_key_is_printed_on_one_line(key: str, printed: str) -> None:
    assert shown(key) == printed
