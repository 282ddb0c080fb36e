"""Pieces → streams and documents, that say the same when they are read again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Began, Block, Closed, Ended, Erred, Form, Grew, Opened, Part, Stop, Stopped, gathered, pieces_of
from extproc.core.vocabulary import Usage
from tests.core.dialects.openai_responses.made import KINDS, SPEC, data_of, read, simulated, stream, written

WORDS = st.text(alphabet=st.characters(codec="utf-8"), max_size=8)
SAID = WORDS.filter(bool)
CUSTOM = {"type": "custom_tool_call", "namespace": "n"}
BLOCKS = st.one_of(
    st.builds(Block, st.just(Part.TEXT), WORDS),
    st.builds(Block, st.just(Part.THINKING), WORDS, signature=WORDS),
    st.builds(Block, st.just(Part.CALL), WORDS, SAID, SAID),
    st.builds(Block, st.just(Part.CALL), WORDS, SAID, SAID, raw=st.just(CUSTOM), form=st.just(Form.CUSTOM)),
    st.builds(Block, st.just(Part.OTHER), raw=st.fixed_dictionaries({"type": st.just("web_search_call"), "action": SAID})),
)
USAGES = st.builds(Usage, *[st.integers(0, 10**6)] * 5)


def bare(answer: Answer) -> list[Block]:
    """The parts, without the ids that the writer gives to their items."""
    return [
        Block(
            block.part,
            block.text,
            block.id,
            block.name,
            block.signature,
            {key: value for key, value in (block.raw or {}).items() if key != "id"} or None,
            block.form,
        )
        for block in answer.blocks
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_written_again_is_the_same(kind: str):
    pieces = read(simulated(**KINDS[kind])[0])
    assert gathered(read(written(pieces))) == gathered(pieces)
    assert gathered(SPEC.whole(SPEC.fold(gathered(pieces), 7))) == gathered(pieces)


@given(st.lists(BLOCKS, max_size=5), USAGES, st.sampled_from([Stop.END, Stop.LENGTH, Stop.REFUSAL, Stop.OTHER]))
def test_any_answer_is_written_so_that_it_can_be_read(blocks: list[Block], usage: Usage, stop: Stop):
    calls = any(block.part is Part.CALL for block in blocks) and stop is Stop.END
    answer = Answer("msg_of_another", "m", tuple(blocks), Stop.CALLS if calls else stop, "", usage, None, True)
    sent = written(pieces_of(answer))
    for again in (gathered(read(sent)), gathered(SPEC.whole(SPEC.fold(answer, 7)))):
        assert (bare(again), again.stop, again.usage, again.model) == (bare(answer), answer.stop, usage, "m")
        assert again.id.startswith("resp_")
    assert data_of(sent)[-1]["response"] == json.loads(SPEC.fold(answer, 7))


@given(st.lists(BLOCKS, min_size=1, max_size=5))
def test_events_fit_together(blocks: list[Block]):
    events = data_of(written([*pieces_of(Answer("", "m", tuple(blocks), Stop.END)), Ended(), Ended(), Erred(500, "late"), Grew("late")]))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert [event["type"] for event in events if "response" in event][2:] == ["response.completed"]
    opened = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    closed = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert closed == events[-1]["response"]["output"]
    assert [item.get("id") for item in opened] == [item.get("id") for item in closed]
    made = [item["id"] for item in closed if "id" in item]
    assert len(set(made)) == len(made)
    prefixes = {"message": "msg_", "function_call": "fc_", "custom_tool_call": "ctc_", "reasoning": "rs_"}
    for event in events[2:-1]:
        item = closed[event["output_index"]]
        assert event.get("item_id", item.get("id")) == item.get("id")
        assert item.get("id", "").startswith(prefixes.get(item["type"], ""))


def test_ids_are_the_providers_own_where_they_fit_and_used_once():
    raws: list[Any] = [{"id": "msg_a"}, {"id": "msg_a"}, {"id": "chatcmpl-1"}, None]
    ids = [
        item["id"]
        for item in data_of(written(pieces_of(Answer("resp_1", blocks=tuple(Block(Part.TEXT, "x", raw=raw) for raw in raws), ended=True))))[
            -1
        ]["response"]["output"]
    ]
    assert ids[0] == "msg_a"
    assert len(set(ids)) == 4
    assert all(len(one) == 52 for one in ids[1:])


def test_refusals_and_phases_stay_what_they_are():
    blocks = (Block(Part.TEXT, "Well.", raw={"phase": "commentary"}), Block(Part.TEXT, "No.", raw={"type": "refusal"}))
    last = data_of(written(pieces_of(Answer("", "m", blocks, Stop.REFUSAL, ended=True))))[-1]
    assert last["type"] == "response.completed"
    assert [(item.get("phase"), item["content"][0].get("refusal")) for item in last["response"]["output"]] == [
        ("commentary", None),
        (None, "No."),
    ]


def test_what_came_from_another_dialect_takes_the_form_that_it_names():
    blocks = (
        Block(Part.THINKING, "Hm."),
        Block(Part.TEXT, "No.", form=Form.REFUSAL),
        Block(Part.CALL, "ls", "toolu_1", "exec", form=Form.CUSTOM),
        Block(Part.CALL, "{}", "toolu_2", "look", raw={"namespace": "files"}),
    )
    last = data_of(written(pieces_of(Answer("msg_foreign", "m", blocks, Stop.CALLS, ended=True))))[-1]["response"]
    thought, refusal, custom, call = last["output"]
    assert last["id"].startswith("resp_")
    assert (thought["summary"], "encrypted_content" in thought) == ([{"type": "summary_text", "text": "Hm."}], False)
    assert refusal["content"] == [{"type": "refusal", "refusal": "No."}]
    assert (custom["type"], custom["call_id"], custom["input"]) == ("custom_tool_call", "toolu_1", "ls")
    assert (call["type"], call["namespace"], call["arguments"]) == ("function_call", "files", "{}")


ACTIONS = {
    "shell_call": ({"commands": ["ls"]}, {"action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None}}),
    "local_shell_call": ({"command": ["ls"]}, {"action": {"type": "exec", "command": ["ls"], "env": {}}}),
    "apply_patch_call": (
        {"type": "delete_file", "path": "a"},
        {"operation": {"type": "delete_file", "path": "a"}},
    ),
    "tool_search_call": ({"query": "mail"}, {"arguments": {"query": "mail"}, "execution": "client"}),
}


@pytest.mark.parametrize("kind", ACTIONS)
def test_a_tool_of_the_dialects_own_is_called_in_its_form(kind: str):
    arguments, told = ACTIONS[kind]
    block = Block(Part.CALL, json.dumps(arguments), "call_1", "any", raw={"type": kind})
    events = data_of(written(pieces_of(Answer("", "m", (block,), Stop.CALLS, ended=True))))
    (item,) = events[-1]["response"]["output"]
    assert {"type": kind, "call_id": "call_1", "status": "completed", **told}.items() <= item.items()
    assert [event["type"] for event in events[2:-1]] == ["response.output_item.added", "response.output_item.done"]
    answer = gathered(read(stream(*events)))
    assert (answer.stop, answer.blocks[0].raw) == (Stop.CALLS, item)


def test_a_call_of_the_dialects_own_with_odd_arguments_is_still_one():
    block = Block(Part.CALL, "ls", "call_1", "any", raw={"type": "shell_call"})
    (item,) = data_of(written(pieces_of(Answer("", "m", (block,), ended=True))))[-1]["response"]["output"]
    assert item["action"] == {"commands": [], "timeout_ms": None, "max_output_length": None}


def test_an_answer_may_begin_twice_and_a_part_be_left_open():
    pieces = [
        Began("resp_1", "a"),
        Began("resp_2", "b"),
        Opened(Part.TEXT),
        Grew("x"),
        Opened(Part.TEXT),
        Grew("y"),
        Stopped(Stop.END),
        Ended(),
    ]
    events = data_of(written(pieces))
    assert [event["type"] for event in events].count("response.created") == 1
    assert {event["response"]["id"] for event in events if "response" in event} == {"resp_1"}
    assert [item["content"][0]["text"] for item in events[-1]["response"]["output"]] == ["x", "y"]


def test_an_error_ends_the_stream():
    sent = written(
        [Began("resp_1", "m"), Opened(Part.TEXT), Grew("x"), Closed(), Opened(Part.TEXT), Grew("y"), Erred(429, "slow"), Grew("z"), Ended()]
    )
    events = data_of(sent)
    assert [event["type"] for event in events].count("response.failed") == 1
    assert (events[-1]["response"]["status"], events[-1]["response"]["error"]) == (
        "failed",
        {"code": "rate_limit_exceeded", "message": "slow"},
    )
    assert [item["content"][0]["text"] for item in events[-1]["response"]["output"]] == ["x"]
    answer = gathered(read(sent))
    assert (answer.error, answer.text) == (Erred(429, "slow"), "xy")
    assert gathered(SPEC.whole(SPEC.fold(answer, 7))).error == Erred(429, "slow")


@pytest.mark.parametrize(("status", "back"), [(400, 400), (404, 400), (429, 429), (500, 500), (529, 500)])
def test_an_error_event_is_read_as_one(status: int, back: int):
    (event,) = data_of(SPEC.error_event(status, "why", answer_id="any_1"))
    assert (event["type"], event["response"]["id"]) == ("response.failed", "any_1")
    assert gathered(read(SPEC.error_event(status, "why"))).error == Erred(back, "why")


def test_an_error_of_an_answer_that_has_not_begun_begins_it():
    events = data_of(SPEC.error_event(500, "why"))
    assert [event["type"] for event in events] == ["response.created", "response.in_progress", "response.failed"]
    assert [event["sequence_number"] for event in events] == [0, 1, 2]
    assert len({event["response"]["id"] for event in events}) == 1


def test_usage_is_told_even_if_nobody_counted():
    assert data_of(written([Began(), Ended()]))[-1]["response"]["usage"]["total_tokens"] == 0
