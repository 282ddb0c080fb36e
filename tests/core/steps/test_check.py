"""A draft passes unless it is certainly not what was asked for, and nothing raises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config import model
from extproc.core.answers import Answer, Block, Demands, Erred, Part, Stop, ToolSpec
from extproc.core.steps.check import CHECKS, check
from extproc.core.vocabulary import Dialect
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

ROOT = Path(__file__).parents[3]
SCHEMA = b'{"type":"object","properties":{"path":{"type":"string"}},"required":["path"],"additionalProperties":false}'
READ = ToolSpec("read", SCHEMA)
PATCH = ToolSpec("patch", custom=True)
LIST = ToolSpec("list")
TOOLS = (READ, PATCH, LIST)
THOUGHT = Block(Part.THINKING, "Hm.")


def says(text: str, **fields: Any) -> Answer:
    return Answer(blocks=(THOUGHT, Block(Part.TEXT, text)), **{"stop": Stop.END, "ended": True, **fields})


def calls(*made: tuple[str, str], text: str = "") -> Answer:
    spoken = (Block(Part.TEXT, text),) if text else ()
    return Answer(blocks=(*spoken, *[Block(Part.CALL, arguments, name=name) for name, arguments in made]), stop=Stop.CALLS, ended=True)


GOOD = ("read", '{"path":"a"}')


@pytest.mark.parametrize(
    ("answer", "demands", "failed"),
    [
        (says("Paris."), Demands(), ()),
        (says("Paris.", stop=Stop.SEQUENCE, sequence="\n"), Demands(stop=("\n",)), ()),
        # finished
        (says("Par", stop=Stop.LENGTH), Demands(), ("finished",)),
        (says("Par", stop=Stop.LENGTH), Demands(max_tokens=1000), ("finished",)),
        (says("q", stop=Stop.LENGTH), Demands(max_tokens=1), ()),
        (says("Paris.", stop=Stop.OTHER), Demands(), ("finished",)),
        (says("Paris.", stop=None), Demands(), ("finished",)),
        (says("Paris.", ended=False), Demands(), ("finished",)),
        (says("Paris.", error=Erred(529, "overloaded")), Demands(), ("finished",)),
        # not_empty
        (says(" \n"), Demands(), ("not_empty",)),
        (Answer(blocks=(THOUGHT,), stop=Stop.END, ended=True), Demands(), ("not_empty",)),
        (calls(GOOD), Demands(tools=TOOLS), ()),
        # valid_json, matches_schema
        (says(' {"a":[1]}\n'), Demands(json=True), ()),
        (says('```json\n{"a":1}\n```'), Demands(json=True), ("valid_json",)),
        (says('Here: {"a":1}'), Demands(json=True), ("valid_json",)),
        (says('{"a":1'), Demands(json=True), ("valid_json",)),
        (says('{"a":NaN}'), Demands(json=True), ("valid_json",)),
        (says('{"path":"x"}'), Demands(json=True, schema=SCHEMA), ()),
        (says('{"path":1}'), Demands(schema=SCHEMA), ("matches_schema",)),
        (says("path: x"), Demands(schema=SCHEMA), ("valid_json", "matches_schema")),
        (says('{"path":1}'), Demands(schema=b"not a schema"), ()),
        (calls(GOOD, text="First I read."), Demands(tools=TOOLS, json=True, schema=SCHEMA), ()),
        # known_tool, valid_arguments
        (calls(("write", "{}")), Demands(tools=TOOLS), ("known_tool",)),
        (calls(("write", "{")), Demands(), ("known_tool",)),
        (calls(("read", '{"path":1}')), Demands(tools=TOOLS), ("valid_arguments",)),
        (calls(("read", "")), Demands(tools=TOOLS), ("valid_arguments",)),
        (calls(("read", '{"path":"a"')), Demands(tools=TOOLS), ("valid_arguments",)),
        (calls(("list", "")), Demands(tools=TOOLS), ()),
        (calls(("list", "[]")), Demands(tools=TOOLS), ("valid_arguments",)),
        (calls(("list", "[" * 100_000 + "]" * 100_000)), Demands(tools=TOOLS), ("valid_arguments",)),
        (calls(("patch", "*** Begin Patch")), Demands(tools=TOOLS), ()),
        (calls(GOOD, ("list", "x")), Demands(tools=TOOLS), ("valid_arguments",)),
        # obeys_tool_choice
        (says("No."), Demands(tools=TOOLS, must_call=True), ("obeys_tool_choice",)),
        (calls(GOOD), Demands(tools=TOOLS, must_call=True), ()),
        (says("No."), Demands(tools=TOOLS, must_call_tool="read"), ("obeys_tool_choice",)),
        (calls(("list", "")), Demands(tools=TOOLS, must_call=True, must_call_tool="read"), ("obeys_tool_choice",)),
        (calls(GOOD), Demands(tools=TOOLS, must_call=True, must_call_tool="read"), ()),
        (calls(GOOD), Demands(tools=TOOLS, may_call=False), ("known_tool", "obeys_tool_choice")),
        (says("No."), Demands(tools=TOOLS, may_call=False, parallel=False), ()),
        (calls(GOOD, GOOD), Demands(tools=TOOLS), ()),
        (calls(GOOD, GOOD), Demands(tools=TOOLS, parallel=False), ("obeys_tool_choice",)),
        (calls(GOOD), Demands(tools=TOOLS, parallel=False), ()),
        # no_repetition, no_refusal, obeys_stop
        (says("I think so. " * 100), Demands(), ("no_repetition",)),
        (says("", stop=Stop.REFUSAL), Demands(), ("not_empty", "no_refusal")),
        (says("I'm sorry, but I can't help with that."), Demands(), ("no_refusal",)),
        (calls(GOOD, text="I can't help with that. Let me look."), Demands(tools=TOOLS), ()),
        (says("I can't find any bug in this code, it is correct."), Demands(), ()),
        (says("one\nUser: two"), Demands(stop=("###", "User:")), ("obeys_stop",)),
        (says("one"), Demands(stop=("", "###")), ()),
    ],
)
def test_answers(answer: Answer, demands: Demands, failed: tuple[str, ...]):
    assert check(answer, demands) == failed
    assert check(answer, demands, frozenset(failed)) == ()


def test_an_image_that_was_there_should_be_seen():
    answer = says("I can't see the image.")
    assert check(answer, Demands()) == ()
    assert check(answer, Demands(), attached=True) == ("no_refusal",)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("prompt", ["Hi", "What is the capital of France?", "Write a long story about a lighthouse."])
def test_ordinary_answers_pass(dialect: Dialect, prompt: str):
    body = b'{"model":"m","max_tokens":900,"messages":[{"role":"user","content":"%b"}],"input":"%b"}' % (prompt.encode(), prompt.encode())
    composed = compose(SPEAKERS[dialect].read(body), Profile(), 0)
    assert check(says(composed.text), Demands(max_tokens=900)) == ()


TEXTS = st.one_of(
    st.text(max_size=20), st.text(alphabet="{}[]\",:\\u0d8 I can't\ud800", max_size=40), st.sampled_from(['{"path":"a"}', "NaN"])
)
BLOCKS = st.builds(Block, st.sampled_from(Part), TEXTS, name=st.sampled_from(["read", "patch", "list", "other", "\ud800"]))
ANSWERS = st.builds(
    Answer, blocks=st.lists(BLOCKS, max_size=4).map(tuple), stop=st.one_of(st.none(), st.sampled_from(Stop)), ended=st.booleans()
)
SCHEMAS = st.one_of(st.none(), st.just(SCHEMA), st.binary(max_size=10))
TOOLED = st.lists(st.builds(ToolSpec, st.sampled_from(["read", "patch", "\ud800"]), SCHEMAS, st.booleans()), max_size=3).map(tuple)
DEMANDS = st.builds(
    Demands, tools=TOOLED, must_call=..., may_call=..., parallel=..., json=..., schema=SCHEMAS, stop=st.lists(TEXTS, max_size=2).map(tuple)
)


@given(ANSWERS, DEMANDS, st.booleans())
def test_nothing_raises_and_the_order_is_the_table_s(answer: Answer, demands: Demands, attached: bool):
    names = [one.name for one in CHECKS]
    failed = check(answer, demands, attached=attached)
    assert list(failed) == [name for name in names if name in failed]
    for name in names:
        assert check(answer, demands, frozenset({name}), attached=attached) == tuple([other for other in failed if other != name])


def test_the_configuration_switches_by_name_and_says_why():
    reasons = {name: field.description for name, field in model.Check.model_fields.items() if name != "stream_text"}
    assert reasons == {one.name: one.reason for one in CHECKS}
    assert model.Check().switched_off() == frozenset()
    assert model.Check(no_refusal=False, finished=False, stream_text=True).switched_off() == {"no_refusal", "finished"}
    assert model.Check(**dict.fromkeys(reasons, False)).switched_off() == set(reasons)


def test_the_page_lists_them_all():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/checks.md").read_text(), re.MULTILINE)
    assert rows == [one.name for one in CHECKS]
