"""What a request asks of any answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.answers import Demands, ToolSpec
from extproc.core.wire.splice import top_level
from tests.core.dialects.openai_responses.made import SPEC

F, G = {"type": "function", "name": "f", "parameters": {"type": "object"}}, {"type": "function", "name": "g"}


def demands(**fields: Any) -> Demands:
    return SPEC.demands(top_level(json.dumps({"model": "m", "input": "x", **fields}).encode()))


def test_nothing_is_asked_for():
    assert demands() == Demands()


def test_tools_of_all_kinds():
    custom = {"type": "custom", "name": "exec", "format": {"type": "grammar"}}
    seen = demands(
        input=[{"type": "additional_tools", "role": "developer", "tools": [custom]}, {"role": "user", "content": "additional_tools"}],
        tools=[F, G, {"type": "namespace", "name": "n", "tools": [{**F, "name": "inner"}]}, {"type": "web_search"}, 7],
    )
    schema = b'{"type": "object"}'
    assert seen.tools == (
        ToolSpec("f", schema),
        ToolSpec("g"),
        ToolSpec("inner", schema),
        ToolSpec("web_search"),
        ToolSpec("exec", custom=True),
    )


@pytest.mark.parametrize(
    ("choice", "must", "named", "may"),
    [
        ("auto", False, "", True),
        ("none", False, "", False),
        ("required", True, "", True),
        ({"type": "function", "name": "f"}, True, "f", True),
        ({"type": "custom", "name": "c"}, True, "c", True),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, False, "", True),
        ({"type": "allowed_tools", "mode": "required", "tools": []}, True, "", True),
        ({"type": "web_search"}, False, "", True),
        ({"type": []}, False, "", True),
        (7, False, "", True),
    ],
)
def test_choices(choice: Any, must: bool, named: str, may: bool):
    seen = demands(tools=[F], tool_choice=choice)
    assert (seen.must_call, seen.must_call_tool, seen.may_call) == (must, named, may)


def test_only_allowed_tools_count():
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}, {"type": "web_search"}, 7]}
    assert [tool.name for tool in demands(tools=[F, G, {"type": "web_search"}], tool_choice=allowed).tools] == ["g", "web_search"]


def test_forms_and_limits():
    seen = demands(
        parallel_tool_calls=False, max_output_tokens=9, text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "array"}}}
    )
    assert (seen.parallel, seen.max_tokens, seen.json, seen.schema) == (False, 9, True, b'{"type": "array"}')
    seen = demands(text={"format": {"type": "json_object"}})
    assert (seen.json, seen.schema) == (True, None)


def test_what_is_odd_is_not_asked_for():
    assert demands(tools={"f": 1}, text=[], max_output_tokens="9", parallel_tool_calls=None) == Demands()
    assert demands(text={"format": {"type": "text", "schema": {}}}) == Demands()
