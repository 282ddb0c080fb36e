"""Which answers are known again as drafted, and what of them is taken out of a request."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.errors import UnreadableError
from tests.core.dialects.openai_responses.made import SPEC

Item = dict[str, Any]


def user(text: str, *more: str) -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": one} for one in (text, *more)]}


def turn(number: int, calls: int) -> list[Item]:
    """An answer, as an agent returns it."""
    called = [
        {"type": "function_call", "id": f"fc_{number}{at}", "call_id": f"call_{number}{at}", "name": "f", "arguments": "{}"}
        for at in range(calls)
    ]
    said = {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": [{"type": "output_text", "text": f"answer {number}"}]}
    return [
        {"type": "reasoning", "id": f"rs_{number}", "summary": [], "content": None, "encrypted_content": f"E{number}"},
        *([] if calls else [said]),
        *called,
    ]


def outputs(number: int, calls: int) -> list[Item]:
    return [{"type": "function_call_output", "call_id": f"call_{number}{at}", "output": "ok"} for at in range(calls)]


def body_of(items: Any, **fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": items, **fields}).encode()


def conversation(calls: list[int]) -> tuple[list[Item], list[int]]:
    """Turns with so many calls each (0: text, and the user speaks again), and where each of their answers begins."""
    items, begins = [user("Begin.")], []
    for number, count in enumerate(calls):
        begins.append(len(items))
        items += [*turn(number, count), *(outputs(number, count) if count else [user("Go on.")])]
    return items, begins


def restless(items: list[Item], chance: random.Random) -> list[Item]:
    """The same conversation as an agent sends it later: keys in another order, its own remarks moved, results in another order."""
    moved: list[Item] = []
    for item in items:
        if item.get("role") == "user":
            moved.append({"role": "developer", "content": f"remark {chance.random()}"})
            if chance.random() < 0.5:
                item = {**item, "content": [{"type": "input_text", "text": "<system-reminder>now</system-reminder>"}, *item["content"]]}
        keys = list(item)
        chance.shuffle(keys)
        moved.append({key: item[key] for key in keys})
    for start, item in enumerate(moved):
        if item.get("type") == "function_call_output":
            end = next((at for at in range(start, len(moved)) if moved[at].get("type") != "function_call_output"), len(moved))
            run = moved[start:end]
            chance.shuffle(run)
            moved[start:end] = run
    return [{"type": "additional_tools", "role": "developer", "tools": []}, *moved]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=6), st.randoms(use_true_random=False))
def test_drafted_answers_lose_their_reasoning_and_their_ids_and_the_others_nothing(turns: list[tuple[int, bool]], chance: random.Random):
    items, begins = conversation([calls for calls, _ in turns])
    known = {SPEC.question(body_of(restless(items[:begin], chance))) for begin, (_, drafted) in zip(begins, turns, strict=True) if drafted}
    later = restless(items, chance)
    body = body_of(later)
    cleaned = SPEC.disowned(body, known.__contains__)
    foreign = [str(number) for number, (_, drafted) in enumerate(turns) if drafted]

    def expected(item: Item) -> Item | None:
        if item.get("id", "__")[3:].lstrip("_")[:1] not in foreign:
            return item
        return None if item["type"] == "reasoning" else {key: value for key, value in item.items() if key != "id"}

    assert json.loads(cleaned)["input"] == [kept for item in later if (kept := expected(item)) is not None]
    assert (cleaned is body) is (not foreign)


def test_untouched_items_keep_their_bytes():
    items, begins = conversation([1, 0])
    known = {SPEC.question(body_of(items[: begins[1]]))}
    body = b'{"model":"m", "input" : [' + b" ,\n ".join(json.dumps(item, indent=1).encode() for item in items) + b'], "note":"\\ud83d"}'
    cleaned = SPEC.disowned(body, known.__contains__)
    for item in (*items[: begins[1]], items[-1]):
        assert json.dumps(item, indent=1).encode() in cleaned
    assert cleaned.endswith(b'], "note":"\\ud83d"}')
    assert b"E0" in cleaned
    assert b"E1" not in cleaned


def test_half_an_emoji_in_an_item_does_no_harm():
    items = [user("Cut \ud83d off"), *turn(0, 0), user("next \ud83d")]
    known = {SPEC.question(body_of(items[:1]))}
    assert len(json.loads(SPEC.disowned(body_of(items), known.__contains__))["input"]) == 3


def test_a_plain_text_is_the_same_question_as_its_message():
    assert (
        SPEC.question(body_of("Begin."))
        == SPEC.question(body_of([user("Begin.")]))
        == SPEC.question(body_of([user("<environment_context>x</environment_context>", "Begin.")]))
    )


def test_equal_words_are_told_apart_by_their_conversation_and_their_place():
    items, begins = conversation([0, 0, 0])
    questions = [SPEC.question(body_of(items[:begin])) for begin in begins]
    other = [user("Another beginning."), *items[1:]]
    questions += [SPEC.question(body_of(other[:begin])) for begin in begins]
    assert len(set(questions)) == 6


def test_what_the_provider_ran_itself_is_a_part_of_its_answer():
    hosted = [
        {"type": "web_search_call", "id": "ws_0", "status": "completed"},
        {"type": "tool_search_output", "call_id": None, "tools": []},
    ]
    items = [user("Search."), *hosted, *turn(0, 0), user("More.")]
    known = {SPEC.question(body_of(items[:1]))}
    cleaned = json.loads(SPEC.disowned(body_of(items), known.__contains__))["input"]
    assert cleaned[1:3] == hosted
    assert [item.get("id") for item in cleaned[3:]] == [None, None]


def test_nothing_is_asked_where_there_is_nothing_to_take_out():
    asked: list[bytes] = []

    def drafted(material: bytes) -> bool:
        asked.append(material)
        return True

    said = {"role": "assistant", "content": "hi"}
    for body in (
        body_of("id reasoning"),
        body_of([user("a"), said, user("b")]),
        body_of([user("a"), {**said, "id": None}, user("b")]),
        b'{"id":"x","reasoning":{}}',
        body_of(turn(0, 1)),
    ):
        assert SPEC.disowned(body, drafted) is body
    assert asked == []


def test_odd_contents_count_as_no_words():
    odd = {"role": "user", "content": 7}
    assert SPEC.question(body_of([odd, user("x")])) == SPEC.question(body_of([user("x")]))


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"input":7,"id":0}', b'{"input":[7],"id":0}'])
def test_what_cannot_be_read_is_said(body: bytes):
    with pytest.raises(UnreadableError):
        SPEC.question(body)
    with pytest.raises(UnreadableError):
        SPEC.disowned(body.replace(b"{", b'{"reasoning":0,') if body == b"{" else body + b'"id"', lambda _: True)
