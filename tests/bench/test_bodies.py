"""The bench's requests: of the size and the plan that they claim."""

from __future__ import annotations

import json

import pytest

from bench.bodies import SIZES, body, shapes, streamed
from bench.systems import configuration
from extproc.config.policy import policy
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.plan import plan
from extproc.core.vocabulary import Plan


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("size", [*SIZES.values(), 1_000, 2_345])
def test_a_body_has_its_size_to_the_byte_and_is_planned_as_it_claims(size: int, direct: bool) -> None:
    content = body(size, direct=direct)
    assert len(content) == size
    rules = policy(configuration(1), {rule.name for rule in RULES})
    for asked in (content, streamed(content)):
        request = accept("/v1/messages", "", asked)
        assert plan(request, classify(request, rules), rules).plan is (Plan.DIRECT if direct else Plan.DRAFT)


def test_a_large_body_is_a_long_conversation() -> None:
    messages = json.loads(body(100_000, direct=False))["messages"]
    assert len(messages) > 100
    assert [one["role"] for one in messages[:4]] == ["user", "assistant", "user", "assistant"]
    assert messages[-1]["role"] == "user"
    assert len({json.dumps(one) for one in messages}) == len(messages)


@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_shapes_have_one_size_and_differ_in_what_the_newest_message_holds(size: int) -> None:
    made = shapes(size)
    newest = {name: len(json.loads(content)["messages"][-1]["content"]) for name, content in made.items()}
    assert {len(content) for content in made.values()} == {size}
    assert newest["conversation"] < 50
    assert newest["one long text"] > size / 2
    assert newest["code in a fence"] > size / 2


def test_streamed_changes_nothing_else() -> None:
    content = body(200, direct=True)
    assert json.loads(streamed(content)) == {**json.loads(content), "stream": True}
