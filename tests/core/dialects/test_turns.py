"""Messages in the form that the strictest provider wants."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.core.conversation import Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects.turns import GO_ON, NO_RESULT, called, last_called, turns

CALL, OTHER = ToolCall("a", "look", "{}"), ToolCall("b", "look", "{}")
SEEN, ALSO = ToolResult("a", (Text("seen"),)), ToolResult("b", (Text("also"),))
LOST = ToolResult("a", (Text(NO_RESULT),), error=True)


def user(*parts: Part | str) -> Message:
    return Message(Role.USER, tuple([Text(part) if isinstance(part, str) else part for part in parts]))


def said(*parts: Part | str) -> Message:
    return Message(Role.ASSISTANT, user(*parts).parts)


def system(text: str) -> Message:
    return Message(Role.SYSTEM, (Text(text),))


@pytest.mark.parametrize(
    ("messages", "put"),
    [
        ([], []),
        ([user("a"), user("b")], [user("a", "b")]),
        ([user("a"), said("b"), said("c"), user("d")], [user("a"), said("b", "c"), user("d")]),
        ([user("a"), said("b")], [user("a"), said("b"), user(GO_ON)]),
        ([user("a"), said(" "), user("b")], [user("a", "b")]),
        ([user("a"), said(Thought("Hm.")), user("b")], [user("a", "b")]),
        ([user("a"), system("b")], [user("a", "<system-message>\nb\n</system-message>")]),
        ([user("a"), said(CALL), user(SEEN)], [user("a"), said(CALL), user(SEEN)]),
        ([user("a"), said(CALL), user("b", SEEN)], [user("a"), said(CALL), user(SEEN, "b")]),
        ([user("a"), said(CALL)], [user("a"), said(CALL), user(LOST)]),
        ([user("a"), said(CALL), user("b")], [user("a"), said(CALL), user(LOST, "b")]),
        ([user("a"), said(CALL, OTHER), user(ALSO), user(SEEN)], [user("a"), said(CALL, OTHER), user(ALSO, SEEN)]),
        ([user("a"), said(CALL), said(OTHER), user(ALSO, SEEN)], [user("a"), said(CALL, OTHER), user(ALSO, SEEN)]),
        ([user("a"), said(CALL), system("b"), user(SEEN)], [user("a"), said(CALL), user(SEEN, "<system-message>\nb\n</system-message>")]),
        ([user("a", SEEN)], [user("a", "Result of an earlier tool call:", "seen")]),
        ([user("a"), said("b"), user(ToolResult("x", (Text(" "),)))], [user("a"), said("b"), user("Result of an earlier tool call:")]),
        ([user("a", CALL), said("b", Media("image", url="u"), SEEN), user("c")], [user("a"), said("b"), user("c")]),
    ],
)
def test_messages_are_put_in_turn(messages: list[Message], put: list[Message]):
    assert turns(messages) == put
    assert turns(put) == put


def test_an_id_that_comes_again_becomes_another():
    first, second = said(CALL), user(SEEN)
    put = turns([user("a"), first, second, first, second, user("b")])
    ids = [part.id for message in put for part in message.parts if isinstance(part, ToolCall | ToolResult)]
    assert ids[0] == ids[1] == "a"
    assert ids[2] == ids[3] != "a"


def test_the_same_beginning_always_becomes_the_same():
    task = [user("a"), said(CALL), user(SEEN), said(Thought("Hm."), CALL), user(SEEN, "b"), system("c"), said("d"), user("e")]
    whole = turns(task)
    for at in (3, 5, 6, 8):
        put = turns(task[:at])
        assert put[:-1] == whole[: len(put) - 1]


@pytest.mark.parametrize(
    ("signed", "unsigned", "left"), [(False, False, []), (False, True, ["b"]), (True, False, ["a"]), (True, True, ["a", "b"])]
)
def test_thoughts_are_told_where_they_are_wanted(signed: bool, unsigned: bool, left: list[str]):
    message = said(Thought("a", signed=True), Thought("b"), Thought(""), "c")
    put = turns([user("x"), message, user("y")], signed=signed, unsigned=unsigned)
    assert [part.text for part in put[1].parts if isinstance(part, Thought)] == left


def test_system_messages_stay_where_a_dialect_has_a_place_for_them():
    assert turns([user("a"), system("b"), user("c")], system=True) == [user("a"), system("b"), user("c")]
    assert turns([user("a"), said(CALL), system("b")], system=True) == [user("a"), said(CALL), user(LOST), system("b")]


def test_what_was_called_and_whether_the_answer_goes_on():
    task = [user("a"), said(CALL, ToolCall("c", "patch", "x", custom=True)), user(SEEN)]
    assert called(task) == {"look": False, "patch": True}
    assert last_called(task)
    assert last_called([*task, user("b")])  # one message with the results, where it is written
    assert not last_called([*task, said(Text("So.")), user("b")])
    assert not last_called([])


@pytest.mark.parametrize("calls", [[CALL], [OTHER, CALL]])
def test_a_hostile_conversation_takes_no_longer_than_its_size(calls: list[ToolCall]):
    """What grew with the square of it would not end within the test's time."""
    put = turns([*[said("a", *calls)] * 20_000, *[user(SEEN, "b")] * 20_000])
    assert [len(message.parts) for message in put] == [20_000 * (1 + len(calls)), 20_000 * (1 + len(calls))]
    ids = {part.id for part in put[0].parts if isinstance(part, ToolCall)}
    assert len(ids) == 20_000 * len(calls)


PARTS = st.sampled_from([Text("a"), Text(" "), Media("image", url="u"), Thought("Hm."), CALL, OTHER, SEEN, ALSO])
MESSAGES = st.lists(st.builds(Message, st.sampled_from(Role), st.lists(PARTS, max_size=3).map(tuple)), max_size=6)


@given(MESSAGES)
@example([user("a"), said(CALL, OTHER), user(SEEN, ALSO, "b"), said("c"), user("d")])
@example([user("a"), said(CALL), user(SEEN), said(CALL), user(SEEN)])
@example([user("a"), said(CALL, OTHER), user(ALSO, SEEN)])
def test_messages_in_order_are_what_they_would_become_anyway(messages: list[Message]):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("extproc.core.dialects.turns._is_settled", lambda _: False)
        anyway = turns(messages)
    assert list(turns(messages)) == anyway
    assert list(turns(anyway)) == anyway
