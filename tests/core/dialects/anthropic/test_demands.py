"""What a request asks of its answer; what is odd counts as not asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.answers import Demands, ToolSpec
from extproc.core.dialects.anthropic import Anthropic
from extproc.core.wire.splice import top_level


def demands(**fields: Any) -> Demands:
    return Anthropic().demands(top_level(json.dumps(fields).encode()))


def test_a_plain_request_asks_for_nothing():
    assert demands(model="m", max_tokens=5, messages=[]) == Demands(max_tokens=5)


def test_tools_have_their_schemas_unless_they_are_hosted():
    own = {"name": "a", "input_schema": {"type": "object"}}
    tools = [own, {**own, "name": "b", "type": "custom"}, {"type": "web_search_20250305", "name": "web_search"}, {"name": 7}, {}]
    assert demands(tools=tools).tools == (
        ToolSpec("a", b'{"type": "object"}'),
        ToolSpec("b", b'{"type": "object"}'),
        ToolSpec("web_search"),
    )


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "auto"}, Demands()),
        ({"type": "auto", "disable_parallel_tool_use": True}, Demands(parallel=False)),
        ({"type": "any"}, Demands(must_call=True)),
        ({"type": "tool", "name": "f"}, Demands(must_call=True, must_call_tool="f")),
        ({"type": "none"}, Demands(may_call=False)),
        ("any", Demands()),
    ],
)
def test_tool_choice(choice: Any, wanted: Demands):
    assert demands(tool_choice=choice) == wanted


def test_the_form_of_the_text():
    form = {"type": "json_schema", "schema": {"type": "object"}}
    assert demands(output_config={"format": form, "effort": 1}) == Demands(json=True, schema=b'{"type": "object"}')
    assert demands(output_format=form) == Demands(json=True, schema=b'{"type": "object"}')
    assert demands(output_config={"effort": "low"}, output_format={"type": "text"}) == Demands()


def test_limits():
    thinking = {"type": "enabled", "budget_tokens": 2048}
    assert demands(stop_sequences=["a", "b"], thinking=thinking) == Demands(stop=("a", "b"), thinking_tokens=2048)
    assert demands(stop_sequences="a", thinking={"type": "adaptive"}, max_tokens="7", tools={}) == Demands()
