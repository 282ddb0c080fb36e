from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.simulator.answer import Stop, compose
from extproc.simulator.ask import Ask, RefusedError, Tool
from extproc.simulator.profile import Profile
from extproc.simulator.tokens import InputTokens, estimate_text

CITY = b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
TOOLS = (Tool("get_weather", CITY), Tool("Bash", b'{"type":"object","properties":{"command":{"type":"string"}}}'))


def ask(prompt: str = "Hi there", **more: Any) -> Ask:
    return Ask(seed=1, model="m-1", stream=False, prompt=prompt, input=InputTokens(10), **more)


def test_a_plain_answer():
    answer = compose(ask(), Profile(), 99)
    assert answer.text.startswith('m-1 on "Hi there":')
    assert (answer.thought, answer.calls, answer.stop, answer.created_s) == ("", (), Stop.END, 99)
    assert answer.output_tokens == estimate_text(answer.text)


def test_thoughts_come_when_asked_for_and_count():
    for answer in (compose(ask(thinking=True), Profile(), 0), compose(ask(), Profile(thinking=True), 0)):
        assert 'They ask "Hi there".' in answer.thought
        assert answer.thought_tokens == estimate_text(answer.thought)
        assert answer.output_tokens == answer.thought_tokens + estimate_text(answer.text)


@pytest.mark.parametrize("prompt", ["Use get_weather for Oslo", "please GET WEATHER now", "get-weather?"])
def test_a_tool_that_the_prompt_names_is_called(prompt: str):
    answer = compose(ask(prompt, tools=TOOLS), Profile(), 0)
    assert [(call.name, json.loads(call.arguments)) for call in answer.calls] == [("get_weather", {"city": "example city"})]
    assert answer.stop is Stop.CALLS
    assert "get_weather" in answer.text


def test_several_tools_are_called_at_once_where_that_is_allowed():
    prompt = "get_weather, then bash"
    assert [call.name for call in compose(ask(prompt, tools=TOOLS), Profile(), 0).calls] == ["get_weather", "Bash"]
    assert [call.name for call in compose(ask(prompt, tools=TOOLS, parallel=False), Profile(), 0).calls] == ["get_weather"]


def test_no_tool_is_called_without_a_reason():
    assert compose(ask("How is the weather? Explain basher.", tools=TOOLS), Profile(), 0).calls == ()
    assert compose(ask("get_weather"), Profile(tool_calls=2), 0).calls == ()


def test_a_profile_can_ask_for_calls():
    calls = compose(ask(tools=TOOLS), Profile(tool_calls=3), 0).calls
    assert [call.name for call in calls] == ["get_weather", "Bash", "get_weather"]


def test_after_a_tool_result_comes_text_unless_a_call_is_required():
    assert compose(ask("get_weather", tools=TOOLS, after_tool=True), Profile(tool_calls=2), 0).calls == ()
    assert len(compose(ask("Hi", tools=TOOLS, after_tool=True, must_call=True), Profile(), 0).calls) == 1


def test_spoiled_arguments_break_the_schema():
    (call,) = compose(ask("get_weather", tools=TOOLS), Profile(invalid_arguments=True), 0).calls
    assert json.loads(call.arguments) == {"city": 7, "unexpected_argument": True}


@pytest.mark.parametrize(
    "schema", [b'{"type":"object","properties":7}', b'{"type":"object","required":[{}]}', b'{"enum":7}', b'{"$ref":7,"allOf":[7]}']
)
def test_a_schema_that_is_none_is_refused(schema: bytes):
    with pytest.raises(RefusedError, match="JSON schema is invalid"):
        compose(ask("look", tools=(Tool("look", schema),)), Profile(), 0)


def test_a_tool_without_an_object_schema_gets_empty_arguments():
    (call,) = compose(ask("look", tools=(Tool("look", b"null"),)), Profile(), 0).calls
    assert call.arguments == "{}"


def test_structured_answers_follow_their_schema():
    assert json.loads(compose(ask(schema=CITY), Profile(), 0).text) == {"city": "example city"}


def test_an_answer_stops_at_the_limit():
    answer = compose(ask(max_tokens=5, tools=TOOLS), Profile(words=100), 0)
    assert (answer.stop, answer.output_tokens) == (Stop.LENGTH, 5)
    assert len(answer.text) == 20
    thinking = compose(ask(max_tokens=2, thinking=True), Profile(), 0)
    assert (thinking.stop, thinking.text, thinking.thought_tokens) == (Stop.LENGTH, "", 2)
    cut_call = compose(ask("get_weather", max_tokens=8, tools=TOOLS), Profile(), 0)
    assert (cut_call.stop, cut_call.calls) == (Stop.LENGTH, ())


def test_an_answer_stops_at_the_first_stop_sequence():
    answer = compose(ask(stop=("follow", "m-1 on", "")), Profile(text="One m-1 on two follow."), 0)
    assert (answer.text, answer.stop, answer.stop_sequence) == ("One ", Stop.SEQUENCE, "m-1 on")
    assert compose(ask(stop=("nowhere to be found",)), Profile(), 0).stop is Stop.END


def test_shapes_that_a_profile_asks_for():
    assert compose(ask(), Profile(text="Exactly this."), 0).text == "Exactly this."
    assert len(compose(ask(), Profile(characters=12_345), 0).text) == 12_345
    assert compose(ask(), Profile(characters=0), 0).text == ""
    assert len(compose(ask(), Profile(text="", characters=3), 0).text) == 3
    repeated = compose(ask(), Profile(repeat=True), 0).text
    assert len(set(repeated.split(". "))) <= 2
    assert len(repeated.split()) >= 400


def test_an_empty_answer_still_costs_a_token():
    answer = compose(ask("get_weather", tools=TOOLS, thinking=True), Profile(empty=True), 0)
    assert (answer.text, answer.thought, answer.calls, answer.stop, answer.output_tokens) == ("", "", (), Stop.END, 1)
