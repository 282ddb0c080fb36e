"""Whole tasks of agents, whose turns are answered by models of different dialects in turn: every request stays valid for each."""

from __future__ import annotations

import json
from itertools import pairwise, product

import pytest

from extproc.core.vocabulary import Dialect
from tests.support.clients import Offer
from tests.support.replay import Answered, Replay, Said, Step

PATH = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = (
    Offer("read_file", "Reads a file.", PATH),
    Offer("edit", "Writes a file.", {"type": "object", "properties": {"path": {"type": "string"}, "to": {"type": "string"}}}),
    Offer("run", "Runs a command.", {"type": "object", "properties": {"command": {"type": "string"}, "timeout": {"type": "number"}}}),
)
SYSTEM = "You repair programs."
TASK: tuple[Step, ...] = (
    Said("The greeting of hello.py has a typo; fix it and run the tests."),
    Answered(
        "I need both files.",
        "I read the program and its test.",
        (("read_file", '{"path": "hello.py"}'), ("read_file", '{"path": "test_hello.py"}')),
        (('print("Helo")', False), ('assert "Hello" in said', False)),
    ),
    Answered("", "", (("edit", '{"path": "hello.py", "to": "print(\\"Hello\\")"}'),), (("Error: the file is read-only", True),)),
    Answered(
        "Permissions first.",
        "",
        (("run", '{"command": "chmod +w hello.py", "timeout": 1.0}'), ("run", "{}"), ("read_file", '{"path": "übung/名.txt"}')),
        (("", False), ("command is missing", True), ("Größe 🪁\u2028", False)),
    ),
    Answered("", "Now again.", (("edit", '{"path": "hello.py", "to": "print(\\"Hello\\")"}'),), (("written", False),)),
    Answered("Tests.", "", (("run", '{"command": "pytest -q"}'),), (("1 passed", False),)),
    Answered("All is well.", "The greeting is right now, and the tests pass."),
    Said("Thank you. What was wrong?"),
    Answered("", "An l was missing."),
)
WAYS = {
    "one after the other": lambda number: list(Dialect)[number % 3],
    "backwards": lambda number: list(Dialect)[-1 - number % 3],
    "two and one": lambda number: list(Dialect)[(number // 2) % 3],
    **{f"always {dialect}": lambda number, dialect=dialect: dialect for dialect in Dialect},
}


@pytest.mark.parametrize(("client", "way"), list(product(Dialect, WAYS)))
def test_every_request_is_valid_for_the_model_that_gets_it(client: Dialect, way: str):
    for thoughts in ("never", "always"):
        sent = list(Replay(client, SYSTEM, TOOLS, thoughts).run(TASK, WAYS[way]))
        assert [one.refused for one in sent] == [[]] * 7


@pytest.mark.parametrize(("client", "way"), list(product(Dialect, WAYS)))
def test_nothing_of_the_task_is_lost_on_the_way(client: Dialect, way: str):
    last = list(Replay(client, SYSTEM, TOOLS).run(TASK, WAYS[way]))[-1].body.decode().replace("\\\\", "\\")
    for said in (SYSTEM, "typo", "test_hello.py", "read-only", "chmod +w", "1 passed", "tests pass", "What was wrong?"):
        assert last.count(said) >= 1
    assert last.count("chmod +w hello.py") == 1


@pytest.mark.parametrize(("client", "model"), [pair for pair in product(Dialect, Dialect) if pair[0] is not pair[1]])
def test_the_beginning_of_a_conversation_stays_as_it_was(client: Dialect, model: Dialect):
    key = "input" if model is Dialect.OPENAI_RESPONSES else "messages"
    told = [json.loads(one.body)[key] for one in Replay(client, SYSTEM, TOOLS).run(TASK, lambda _: model)]
    for before, after in pairwise(told):
        # What is said now may be said on in the same message.
        assert after[: len(before) - 1] == before[:-1]
