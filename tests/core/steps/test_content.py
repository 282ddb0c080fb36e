"""What was asked and answered, told in the conventions' form and within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Block, Part, Stop
from extproc.core.records import Content
from extproc.core.steps.content import LONGEST, answered, question
from extproc.core.vocabulary import Dialect
from tests.support.pair import DIALECT_OF, PATHS, continuation

PARIS = {"city": "Paris"}


def asked(dialect: str, body: dict[str, Any]) -> Content:
    return question(Dialect(dialect), json.dumps(body).encode())


def messages(text: str) -> Any:
    return json.loads(text)


@pytest.mark.parametrize("path", PATHS)
def test_a_conversation_with_a_tool_is_the_same_in_every_dialect(path: str):
    told = messages(asked(DIALECT_OF[path], continuation(path)).input)
    said = [(one["role"], part["type"]) for one in told for part in one["parts"]]
    assert said == [("user", "text"), ("assistant", "tool_call"), ("tool", "tool_call_response")]
    first, call, result = (one["parts"][0] for one in told)
    assert first["content"] == "Paris, then Rome?"
    assert (call["name"], call["arguments"]) == ("get_weather", PARIS)
    assert (result["id"], result["response"]) == (call["id"], "18 degrees")


def test_instructions_stand_apart():
    body = {"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": [{"role": "user", "content": "Hello!"}]}
    told = asked("anthropic", body)
    assert messages(told.system) == [{"type": "text", "content": "Be brief."}]
    assert messages(told.input) == [{"role": "user", "parts": [{"type": "text", "content": "Hello!"}]}]


def test_of_an_image_only_its_kind_is_told():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "c2VjcmV0"}}
    link = {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}}
    told = asked("anthropic", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [image, link]}]})
    assert messages(told.input)[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "[cut: 8 characters]"},
        {"type": "uri", "modality": "image", "uri": "https://example.com/cat.png"},
    ]


def test_a_long_text_is_cut_with_a_mark():
    told = asked("openai_responses", {"model": "m", "input": "x" * 5000})
    text = messages(told.input)[0]["parts"][0]["content"]
    assert text == "x" * 4000 + "… [cut: 1000 characters]"


def test_of_a_long_conversation_the_newest_is_told():
    turns = [{"role": "user" if number % 2 == 0 else "assistant", "content": f"{number} {'y' * 900}"} for number in range(101)]
    told = messages(asked("openai_chat", {"model": "m", "messages": turns}).input)
    assert told[-1]["parts"][0]["content"].startswith("100 ")
    assert told[0]["parts"][0]["content"] == f"[cut: {101 - (len(told) - 1)} before this]"
    assert 10 < len(told) < 20


def test_what_cannot_be_read_is_not_told():
    assert question(Dialect.ANTHROPIC, b"[1, 2") == Content()


def test_an_answer():
    blocks = (
        Block(Part.THINKING, "Hm."),
        Block(Part.TEXT, "Rain."),
        Block(Part.CALL, '{"city":"Paris"}', id="c1", name="get_weather"),
        Block(Part.OTHER),
    )
    told = answered(Content("s", "i"), Answer(blocks=blocks, stop=Stop.CALLS))
    assert (told.system, told.input) == ("s", "i")
    assert messages(told.output) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "Rain."},
                {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": PARIS},
                {"type": "other"},
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_an_answer_that_broke_off_says_so_and_none_is_none():
    told = answered(Content(), Answer(blocks=(Block(Part.TEXT, "Half a"),)))
    assert messages(told.output)[0]["finish_reason"] == "error"
    assert answered(Content("s", "i"), Answer()) == Content("s", "i")


@pytest.mark.parametrize("arguments", ["{half", "", "[" * 3000, "x" * 9000])
def test_arguments_that_are_no_object_are_told_as_they_came(arguments: str):
    told = answered(Content(), Answer(blocks=(Block(Part.CALL, arguments, name="f"),), stop=Stop.CALLS))
    assert str(messages(told.output)[0]["parts"][0]["arguments"])[:1000] == arguments[:1000]


@given(st.lists(st.text(max_size=6000), max_size=40), st.sampled_from(Stop))
def test_nothing_is_longer_than_allowed_and_all_of_it_is_json(texts: list[str], stop: Stop):
    turns = [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}] * 3
    told = asked("anthropic", {"model": "m", "max_tokens": 9, "system": "\n".join(texts), "messages": turns})
    told = answered(told, Answer(blocks=tuple([Block(Part.TEXT, text) for text in texts]), stop=stop))
    for one in (told.system, told.input, told.output):
        assert len(one.encode()) <= LONGEST + 200
        assert one == "" or messages(one)


def test_half_a_surrogate_is_no_obstacle():
    told = answered(Content(), Answer(blocks=(Block(Part.TEXT, "a\ud800b"),), stop=Stop.END))
    assert messages(told.output)[0]["parts"][0]["content"] == "a?b"
