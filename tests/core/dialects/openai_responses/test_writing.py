"""Conversations → requests that a strict provider takes, and that say the same when they are read again."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from extproc.core.conversation import Conversation, Form, Manner, Media, Message, Role, Text, Thinking, Thought, ToolCall, ToolResult
from extproc.core.dialects.turns import GO_ON, NO_RESULT
from extproc.core.features import Feature, How
from extproc.core.vocabulary import Dialect
from tests.core.dialects.openai_responses.asking import HELLO, LOOK, LOOSE, MODEL, OTHER, PATCH, STRICT, asked, results, said
from tests.core.dialects.openai_responses.made import SPEC
from tests.support.strict import refusals


def test_the_least_that_is_asked():
    assert asked() == {
        "model": MODEL,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
        "store": False,
    }


def test_what_stands_before_the_conversation_and_in_it():
    written = asked(HELLO, Message(Role.SYSTEM, (Text("Now brief."),)), HELLO, system=(Text("a"), Text("b", cached=True)))
    assert written["instructions"] == "a\n\nb"
    assert [item["role"] for item in written["input"]] == ["user", "developer", "user"]
    alone = json.loads(SPEC.asked(Conversation("m", system=(Text("a"),)), Manner("m")))
    assert (alone["instructions"], alone["input"]) == ("a", "Begin.")


def test_an_answer_is_told_in_items_without_ids_of_their_own():
    written = asked(
        HELLO,
        said(Thought("Hm."), Text("I look."), ToolCall("functions.look:0", "look", '{"a":1}'), ToolCall("c2", "patch", "x", custom=True)),
        results(ToolResult("c2", (Text("ok"),)), ToolResult("functions.look:0", (Text("no"),), error=True), Text("And?")),
        tools=(LOOK, PATCH),
    )
    _, text, call, custom, *rest, last = written["input"]
    assert text == {"type": "message", "role": "assistant", "content": "I look."}
    assert (call["type"], call["arguments"]) == ("function_call", '{"a":1}')
    assert custom == {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "x"}
    assert rest == [
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "ok"},
        {"type": "function_call_output", "call_id": call["call_id"], "output": "Error: no"},
    ]
    assert last["content"] == [{"type": "input_text", "text": "And?"}]
    assert not any("id" in item for item in written["input"])


@pytest.mark.parametrize(
    ("parts", "error", "output"),
    [
        ((), False, ""),
        ((Text("a"),), False, "a"),
        ((Text("error: a"),), True, "error: a"),
        ((Text("Traceback"),), True, "Traceback"),
        ((), True, "Error: "),
        ((Text("a"), Text("b")), False, [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]),
        (
            (Media("image", "image/png", "AA=="),),
            False,
            [{"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}],
        ),
        (
            (Media("image", url="https://a.example/b.png", detail="low"),),
            True,
            [
                {"type": "input_text", "text": "Error:"},
                {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "low"},
            ],
        ),
    ],
)
def test_results(parts: tuple[Text | Media, ...], error: bool, output: Any):
    written = asked(HELLO, said(ToolCall("c", "look", "{}")), results(ToolResult("c", parts, error)))
    assert written["input"][-1]["output"] == output


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (
            Media("document", "application/pdf", "AA==", name="a.pdf"),
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        ),
        (
            Media("document", "application/pdf", "AA=="),
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AA=="},
        ),
        (Media("document", url="https://a.example/b.pdf", name="b"), {"type": "input_file", "file_url": "https://a.example/b.pdf"}),
        (
            Media("document", "text/plain", "aGk=", name="a.txt"),
            {"type": "input_text", "text": '<document title="a.txt">\nhi\n</document>'},
        ),
    ],
)
def test_documents(media: Media, part: dict[str, Any]):
    assert asked(Message(Role.USER, (media,)))["input"][0]["content"] == [part]


def test_what_is_missing_and_what_is_too_much():
    lost = asked(HELLO, said(ToolCall("c", "look", "")), HELLO)["input"]
    assert [item.get("output") for item in lost if item["type"] == "function_call_output"] == [f"Error: {NO_RESULT}"]
    assert lost[1]["arguments"] == "{}"
    orphan = asked(HELLO, results(ToolResult("gone", (Text("seen"),))))["input"]
    assert [item["type"] for item in orphan] == ["message"]
    assert asked(HELLO, said(Text("The answer is")))["input"][-1]["content"][0]["text"] == GO_ON
    twice = asked(HELLO, *[said(ToolCall("c", "look", "{}")), results(ToolResult("c", (Text("x"),)))] * 2)["input"]
    assert [item["call_id"] for item in twice[1:]] == ["c", "c", "c-2", "c-2"]


def test_what_a_model_takes_less_than_others_is_told():
    assert SPEC.carried(Manner(MODEL))[Feature.TEMPERATURE] is How.DROPPED
    assert SPEC.carried(OTHER)[Feature.TEMPERATURE] is How.CARRIED
    assert SPEC.carried(OTHER)[Feature.CUSTOM_TOOLS] is How.APPROXIMATED
    assert SPEC.carried(OTHER)[Feature.EFFORT] is How.APPROXIMATED
    assert SPEC.carried(Manner("gpt-4o"))[Feature.EFFORT] is How.DROPPED
    assert set(SPEC.carried(OTHER)) == set(Feature)


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ({"max_tokens": 100}, {"max_output_tokens": 100}),
        ({"max_tokens": 1}, {"max_output_tokens": 16}),
        ({"max_tokens": 100, "manner": Manner(MODEL, 50)}, {"max_output_tokens": 50}),
        ({"manner": Manner(MODEL, 50)}, {"max_output_tokens": 50}),
        ({"temperature": 0.0, "top_p": 0.1, "top_k": 3, "seed": 1}, {}),
        ({"temperature": 0.0, "top_p": 0.1, "manner": OTHER}, {"temperature": 0.0, "top_p": 0.1}),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"verbosity": "low", "manner": OTHER}, {}),
        ({"form": Form()}, {"text": {"format": {"type": "json_object"}}}),
        ({"thinking": Thinking(effort="low", summary="auto")}, {"reasoning": {"effort": "low", "summary": "auto"}}),
        ({"thinking": Thinking(on=True, budget=9_000)}, {"reasoning": {"effort": "high"}}),
        ({"thinking": Thinking(on=False, summary="auto")}, {"reasoning": {"effort": "low"}}),
        ({"thinking": Thinking(effort="max"), "manner": Manner("gpt-oss:20b")}, {"reasoning": {"effort": "high"}}),
        ({"thinking": Thinking(effort="low", summary="auto"), "manner": OTHER}, {"reasoning": {"effort": "low", "summary": "auto"}}),
        ({"thinking": Thinking(effort="low", summary="auto"), "manner": Manner("gpt-4o-mini")}, {}),
        ({"thinking": Thinking(effort="low"), "manner": Manner("llama", thinking="never")}, {}),
        ({"thinking": Thinking(effort="low"), "manner": Manner("llama", thinking="effort")}, {"reasoning": {"effort": "low"}}),
        ({"thinking": Thinking(effort="low"), "manner": Manner(MODEL, thinking="never")}, {}),
        ({"stream": True}, {"stream": True}),
        (
            {"user": "a", "cache_key": "k", "service_tier": "flex"},
            {"safety_identifier": "a", "prompt_cache_key": "k", "service_tier": "flex"},
        ),
        ({"service_tier": "standard_only"}, {}),
        ({"metadata": {"a": "b", "long": "x" * 600}}, {"metadata": {"a": "b"}}),
    ],
)
def test_fields(told: dict[str, Any], written: dict[str, Any]):
    assert {key: value for key, value in asked(**told).items() if key not in {"model", "input", "store"}} == written


@pytest.mark.parametrize(
    ("strict", "schema", "written"), [(None, STRICT, True), (None, LOOSE, False), (False, STRICT, False), (True, LOOSE, False)]
)
def test_a_form_is_strict_where_it_can_be(strict: bool | None, schema: msgspec.Raw, written: bool):
    form = asked(form=Form(schema, "my answer", "d", strict))["text"]["format"]
    assert (form["strict"], form["schema"], form["description"]) == (written, json.loads(bytes(schema)), "d")


def test_a_name_that_is_too_long_is_the_same_short_one_every_time():
    one, other, again = (asked(user=name * 200)["safety_identifier"] for name in "aba")
    assert one == again != other


WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
SAID = WORDS.filter(str.strip)
MEDIA = st.builds(Media, st.just("image"), st.just("image/png"), st.just("AA=="), detail=st.sampled_from(["", "low"]))
RESULTS = st.lists(st.one_of(st.builds(Text, SAID), MEDIA), max_size=3).map(tuple)
TURNS = st.lists(
    st.tuples(
        st.lists(st.one_of(st.builds(Text, SAID), MEDIA), min_size=1, max_size=3),
        st.lists(st.builds(Text, SAID), max_size=2),
        st.lists(st.tuples(st.booleans(), RESULTS), max_size=3),
    ),
    min_size=1,
    max_size=4,
)


def conversation_of(turns: list[Any]) -> Conversation:
    messages: list[Message] = []
    for number, (asks, answers, calls) in enumerate(turns):
        ids = [f"call_{number}_{index}" for index in range(len(calls))]
        messages.append(Message(Role.USER, tuple(asks)))
        called = [
            ToolCall(id_, "patch" if custom else "look", "*** x" if custom else '{"a": 1.0}', custom)
            for id_, (custom, _) in zip(ids, calls, strict=True)
        ]
        if answers or called:
            messages.append(Message(Role.ASSISTANT, (*answers, *called)))
        if called:
            messages.append(Message(Role.USER, tuple([ToolResult(id_, parts) for id_, (_, parts) in zip(ids, calls, strict=True)])))
    return Conversation(MODEL, (Text("Be brief."),), tuple(messages), (LOOK, PATCH))


@settings(max_examples=40)  # the types of the SDK take their time
@given(TURNS)
def test_what_is_written_is_read_as_the_same(turns: list[Any]):
    conversation = conversation_of(turns)
    body = SPEC.asked(conversation, Manner(MODEL))
    assert refusals(Dialect.OPENAI_RESPONSES, body) == []
    again = SPEC.conversation(body)
    assert SPEC.asked(again, Manner(MODEL)) == body
    before = [part for message in conversation.messages for part in message.parts if not isinstance(part, Media)]
    after = [part for message in again.messages for part in message.parts if not isinstance(part, Media) and part != Text(GO_ON)]
    assert [part for part in after if isinstance(part, ToolCall)] == [part for part in before if isinstance(part, ToolCall)]
    assert [part for part in after if isinstance(part, Text)] == [part for part in before if isinstance(part, Text)]
    assert [part.id for part in after if isinstance(part, ToolResult)] == [part.id for part in before if isinstance(part, ToolResult)]
    assert replace(again, messages=(), held=(), tools=(), stream_usage=False) == replace(conversation, messages=(), tools=())
    assert [(tool.name, tool.custom, tool.grammar) for tool in again.tools] == [("look", False, ""), ("patch", True, "start: /x/")]
