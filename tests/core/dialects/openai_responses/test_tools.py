"""The tools of requests, the calls of them, and how a call finds its tool again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.answers import Began, Closed, Ended, Grew, Opened, Part, Stop, Stopped
from extproc.core.conversation import Choice, Conversation, Text, Tool, ToolCall, ToolResult, fitted
from extproc.core.dialects.crossing import Crossing
from extproc.core.features import Feature
from tests.core.dialects.openai_responses.made import SPEC, data_of, written

LOOK = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": False}
PATCH = {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}}
MAIL = {"type": "namespace", "name": "mail", "description": "Mail.", "tools": [LOOK, {"type": "function", "name": "send"}]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {"type": "object", "properties": {}}}
SHELL = {"type": "shell", "environment": {"type": "local"}}


def read(*items: Any, **fields: Any) -> Conversation:
    return SPEC.conversation(json.dumps({"model": "m", "input": [{"role": "user", "content": "x"}, *items], **fields}).encode())


def offered(*tools: Any, **fields: Any) -> tuple[Tool, ...]:
    return read(tools=list(tools), **fields).tools


def held(conversation: Conversation) -> set[Feature]:
    return {feature for _, feature in conversation.held}


def test_functions_and_custom_tools():
    look, patch = offered(LOOK, PATCH)
    assert (look.name, look.description, look.strict, look.raw) == ("look", "Looks.", False, None)
    assert look.schema is not None
    assert json.loads(bytes(look.schema)) == {"type": "object"}
    assert (patch.custom, patch.syntax, patch.grammar, patch.raw) == (True, "lark", "start: /x/", {"type": "custom_tool_call"})


def test_groups_become_names_of_their_own():
    conversation = read(tools=[LOOK, MAIL])
    assert [(tool.name, tool.own_name, tool.description) for tool in conversation.tools] == [
        ("look", "look", "Looks."),
        ("mail__look", "look", "Looks."),
        ("mail__send", "send", "Mail."),
    ]
    assert [tool.raw for tool in conversation.tools] == [None, {"namespace": "mail"}, {"namespace": "mail"}]
    assert Feature.NAMESPACES in held(conversation)


def test_names_never_meet():
    assert [tool.name for tool in offered({"type": "function", "name": "mail__look"}, MAIL)] == ["mail__look", "mail__look_", "mail__send"]


def test_tools_may_stand_in_the_input():
    hidden = {"type": "additional_tools", "role": "developer", "tools": [MAIL, PATCH]}
    body = json.dumps({"input": [hidden, {"role": "developer", "content": "Be kind."}, {"role": "user", "content": "x"}]}).encode()
    conversation = SPEC.conversation(body)
    assert [tool.name for tool in conversation.tools] == ["mail__look", "mail__send", "patch"]
    assert conversation.system == (Text("Be kind."),)


CALLS = [
    ({"name": "look"}, "look"),
    ({"name": "look", "namespace": "mail"}, "mail__look"),
    ({"name": "send"}, "mail__send"),
    ({"name": "gone", "namespace": "mail"}, "mail__gone"),
    ({"name": "gone"}, "gone"),
]


@pytest.mark.parametrize(("named", "name"), CALLS)
def test_a_call_names_its_tool(named: dict[str, str], name: str):
    conversation = read({"type": "function_call", "call_id": "c", "arguments": "{}", **named}, tools=[LOOK, MAIL])
    assert conversation.messages[1].parts == (ToolCall("c", name, "{}"),)


def test_a_tool_that_was_called_before_it_is_found_is_offered_under_that_name():
    call = {"type": "function_call", "call_id": "c", "name": "late", "namespace": "mail", "arguments": "{}"}
    found = {"type": "tool_search_output", "call_id": "s", "execution": "client", "tools": [{**MAIL, "tools": [{**LOOK, "name": "late"}]}]}
    assert [tool.name for tool in read(call, found).tools] == ["mail__late"]


def test_a_custom_call_is_free_text():
    call = {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"}
    result = {"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "ok"}]}
    conversation = read(call, result, tools=[PATCH])
    assert conversation.messages[1].parts == (ToolCall("c", "patch", "*** Begin", custom=True),)
    assert conversation.messages[2].parts == (ToolResult("c", (Text("ok"),)),)


OWN: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, str]] = {
    "shell": (
        SHELL,
        {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"], "timeout_ms": None}},
        {
            "type": "shell_call_output",
            "call_id": "c",
            "output": [
                {"stdout": "a", "stderr": "b", "outcome": {"type": "exit", "exit_code": 2}},
                {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
            ],
        },
        '{"commands":["ls"]}',
        "a\nb\n(exit code 2)\n(timed out)",
    ),
    "local_shell": (
        {"type": "local_shell"},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "local_shell_call_output", "id": "lsh_1", "output": "a"},
        '{"command":["ls"],"env":{}}',
        "a",
    ),
    "apply_patch": (
        {"type": "apply_patch"},
        {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
        {"type": "apply_patch_call_output", "call_id": "c", "status": "completed", "output": "Done"},
        '{"type":"delete_file","path":"a"}',
        "Done",
    ),
    "tool_search": (
        SEARCH,
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "mail"}},
        {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [MAIL]},
        '{"query":"mail"}',
        '{"found":["mail__look","mail__send"]}',
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_tools_of_the_dialects_own_are_functions_elsewhere(name: str):
    tool, call, result, arguments, said = OWN[name]
    conversation = read(call, result, tools=[tool])
    assert conversation.tools[0].name == name
    assert conversation.tools[0].raw == {"type": call["type"]}
    assert conversation.tools[0].schema is not None
    assert json.loads(bytes(conversation.tools[0].schema))["type"] == "object"
    (called,) = conversation.messages[1].parts
    assert isinstance(called, ToolCall)
    assert (called.id, called.name, json.loads(called.arguments)) == ("c", name, json.loads(arguments))
    assert conversation.messages[2].parts == (ToolResult("c", (Text(said),)),)
    assert Feature.CLIENT_TOOLS in held(conversation)


@pytest.mark.parametrize("name", OWN)
def test_and_their_calls_are_the_clients_own_again(name: str):
    tool, call, _, arguments, _ = OWN[name]
    pieces = [Began("x", "m"), Opened(Part.CALL, "toolu_1", name), Grew(arguments), Closed(), Stopped(Stop.CALLS), Ended()]
    (item,) = data_of(written(Crossing(offered(tool)).take(pieces)))[-1]["response"]["output"]
    assert (item["type"], item["call_id"]) == (call["type"], "toolu_1")
    key = next(key for key in ("action", "operation", "arguments") if key in call)
    assert {key: value for key, value in call[key].items() if value is not None}.items() <= item[key].items()


@pytest.mark.parametrize(("tool", "name"), [({**MAIL, "tools": [LOOK]}, "mail__look"), (PATCH, "patch")])
def test_a_call_of_a_function_gets_its_group_or_its_form_back(tool: dict[str, Any], name: str):
    pieces = [Began("x", "m"), Opened(Part.CALL, "call_1", fitted(name)), Grew('{"input":"y"}'), Closed(), Stopped(Stop.CALLS), Ended()]
    (item,) = data_of(written(Crossing(offered(tool)).take(pieces)))[-1]["response"]["output"]
    expected = {"type": "custom_tool_call", "name": "patch", "input": "y"} if name == "patch" else {"name": "look", "namespace": "mail"}
    assert expected.items() <= item.items()


def test_a_failed_patch_is_an_error():
    call = {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}}
    result = {"type": "apply_patch_call_output", "call_id": "c", "status": "failed"}
    assert read(call, result).messages[2].parts == (ToolResult("c", (), error=True),)


HOSTED = [
    {"type": "web_search"},
    {"type": "mcp", "server_label": "s"},
    {"type": "shell", "environment": {"type": "container_auto"}},
    {"type": "tool_search"},
]


@pytest.mark.parametrize("tool", HOSTED)
def test_hosted_tools_are_left_out_unless_the_request_is_for_them(tool: dict[str, Any]):
    beside, alone = read(tools=[LOOK, tool]), read(tools=[tool])
    assert [one.name for one in beside.tools] == ["look"]
    assert (Feature.HOSTED_TOOLS in held(beside), Feature.HOSTED_NEEDED in held(beside)) == (True, False)
    assert (alone.tools, Feature.HOSTED_NEEDED in held(alone)) == ((), True)
    assert Feature.HOSTED_NEEDED in held(read(tools=[LOOK, tool], tool_choice={"type": tool["type"]}))


def test_a_screen_needs_a_model_that_was_trained_for_it():
    assert Feature.HOSTED_NEEDED in held(read(tools=[LOOK, {"type": "computer"}]))


CHOICES = [
    (None, Choice(), set()),
    ("auto", Choice(), set()),
    ("none", Choice("none"), {Feature.CHOICE_NONE}),
    ("required", Choice("required"), {Feature.CHOICE_REQUIRED}),
    ({"type": "function", "name": "look"}, Choice("named", "look"), {Feature.CHOICE_NAMED}),
    ({"type": "function", "name": "send"}, Choice("named", "mail__send"), {Feature.CHOICE_NAMED}),
    ({"type": "custom", "name": "patch"}, Choice("named", "patch"), {Feature.CHOICE_NAMED}),
    ({"type": "shell"}, Choice("named", "shell"), {Feature.CHOICE_NAMED}),
    (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}, {"type": "web_search"}]},
        Choice(allowed=("look",)),
        {Feature.CHOICE_ALLOWED},
    ),
    (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
        Choice("required", allowed=("patch",)),
        {Feature.CHOICE_ALLOWED},
    ),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}, Choice(), {Feature.HOSTED_NEEDED}),
    ({"type": "web_search"}, Choice(), {Feature.HOSTED_NEEDED}),
    ({"type": "mcp", "server_label": "s"}, Choice(), {Feature.HOSTED_NEEDED}),
]


@pytest.mark.parametrize(("given", "choice", "features"), CHOICES)
def test_choices(given: Any, choice: Choice, features: set[Feature]):
    tools = [LOOK, MAIL, PATCH, SHELL]
    conversation = read(tools=tools, tool_choice=given)
    assert conversation.choice == choice
    assert held(conversation) - held(read(tools=tools)) == features
