"""Tools and choices, as they are written for each kind of model."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extproc.core.conversation import Choice, Manner, Text, Tool, ToolCall, ToolResult
from tests.core.dialects.openai_responses.asking import HELLO, LOOK, LOOSE, OTHER, PATCH, STRICT, asked, results, said


@pytest.mark.parametrize(
    ("strict", "schema", "written"),
    [(None, STRICT, False), (False, STRICT, False), (True, STRICT, True), (True, LOOSE, False), (True, None, False)],
)
def test_a_tool_is_strict_where_it_is_asked_and_can_be(strict: bool | None, schema: msgspec.Raw | None, written: bool):
    (tool,) = asked(tools=(Tool("look", schema=schema, strict=strict),))["tools"]
    assert tool["strict"] is written
    assert tool["parameters"]["type"] == "object"


def test_a_tool_whose_name_does_not_fit_is_called_by_the_one_that_does():
    name = "files/look.at" + "x" * 80
    written = asked(
        HELLO,
        said(ToolCall("c", name, "{}")),
        results(ToolResult("c", ())),
        tools=(Tool(name), PATCH),
        choice=Choice("named", name),
    )
    assert written["tools"][0]["name"] == written["input"][1]["name"] == written["tool_choice"]["name"]
    assert written["tools"][1]["format"] == {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (Choice(), {}),
        (Choice("none"), {"tool_choice": "none"}),
        (Choice(parallel=True), {}),
        (Choice("required", parallel=False), {"tool_choice": "required", "parallel_tool_calls": False}),
        (Choice("named", "patch"), {"tool_choice": {"type": "custom", "name": "patch"}}),
        (Choice("named", "gone"), {}),
        (
            Choice("required", allowed=("look", "gone")),
            {"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]}},
        ),
    ],
)
def test_choices(choice: Choice, written: dict[str, Any]):
    assert {key: value for key, value in asked(tools=(LOOK, PATCH), choice=choice).items() if "tool_" in key} == written
    assert "tool_choice" not in asked(choice=Choice("required"))


def test_other_models_see_functions_in_place_of_custom_tools():
    choice = Choice("required", allowed=("patch",))
    written = asked(
        HELLO,
        said(ToolCall("c", "patch", "x", custom=True)),
        results(ToolResult("c", (Text("ok"),))),
        tools=(LOOK, PATCH),
        choice=choice,
        manner=OTHER,
    )
    (tool,) = written["tools"]
    assert (tool["type"], tool["name"], list(tool["parameters"]["properties"])) == ("function", "patch", ["input"])
    assert "start: /x/" in tool["description"]
    assert (written["input"][1]["arguments"], written["input"][2]["type"]) == ('{"input":"x"}', "function_call_output")
    assert written["tool_choice"] == "required"


@pytest.mark.parametrize("model", ["o3-mini", "openai/o1"])
def test_some_models_call_one_tool_at_a_time_anyway(model: str):
    assert "parallel_tool_calls" not in asked(tools=(LOOK,), choice=Choice(parallel=False), manner=Manner(model))
