"""Thinking of drafted answers is taken out, whatever agents do to the rest of the conversation; all else stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.dialects.anthropic import Anthropic

SPEC = Anthropic()
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
HIDDEN = {"type": "redacted_thinking", "data": "x"}
MARK = {"cache_control": {"type": "ephemeral"}}
REMINDER = {"type": "text", "text": "<system-reminder>Be brief.</system-reminder>"}

Message = dict[str, Any]


def text(words: str, **more: Any) -> Message:
    return {"type": "text", "text": words, **more}


def user(*content: Any) -> Message:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def assistant(*content: Any) -> Message:
    return {"role": "assistant", "content": list(content)}


def call(name: str) -> Message:
    return {"type": "tool_use", "id": name, "name": "read", "input": {"path": name}}


def result(name: str, **more: Any) -> Message:
    return {"type": "tool_result", "tool_use_id": name, "content": f"of {name}", **more}


def body(*messages: Message, **fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": messages, **fields}, ensure_ascii=False).encode("utf-8", "surrogatepass")


def messages_of(told: bytes) -> list[Message]:
    found: list[Message] = json.loads(told)["messages"]
    return found


def only(*questions: bytes) -> Callable[[bytes], bool]:
    return lambda material: material in questions


TALK = (user("Hello"), assistant(THOUGHT, text("Hi.")), user("Read two files"), assistant(HIDDEN, call("a"), call("b")))


def test_only_answers_to_drafted_questions_lose_their_thinking():
    told = body(*TALK, user(result("a"), result("b")), assistant(THOUGHT, text("Done.")), user("Thanks"))
    for at, left in ((1, [text("Hi.")]), (3, [call("a"), call("b")]), (5, [text("Done.")])):
        question = SPEC.question(body(*messages_of(told)[:at]))
        wanted = messages_of(told)
        wanted[at]["content"] = left
        assert messages_of(SPEC.disowned(told, only(question))) == wanted
    assert SPEC.disowned(told, only(SPEC.question(told))) is told


def test_nothing_is_asked_where_nothing_thinks():
    told = body(user('what is "thinking"?'), assistant(text("x")), user("ok"), thinking={"type": "adaptive"})
    asked: list[bytes] = []
    assert SPEC.disowned(told, lambda material: not asked.append(material)) is told
    assert asked == []


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ([user("Hello")], [user(text("Hello", **MARK))]),
        ([user(REMINDER, text("Hello"))], [user(text("Hello"))]),
        ([user(text("Hello"))], [user(text("Hello"), REMINDER)]),
        ([user("Hello"), {"role": "system", "content": "The folder is /srv."}], [user("Hello")]),
        ([user("Hello")], [{"role": "system", "content": [text("x")]}, user("Hello"), user(REMINDER)]),
        ([*TALK, user(result("a"), result("b"))], [*TALK, user(result("b", **MARK)), user(REMINDER, result("a"))]),
        ([*TALK, user(result("a"), result("b"))], [*TALK, user(result("a"), result("b"), text("A note."))]),
        ([*TALK[:2], user("Go on")], [TALK[0], assistant(THOUGHT), assistant(text("Hi.")), user(REMINDER), user("Go on")]),
        (
            [
                user(
                    "Hello",
                )
            ],
            [{"content": [{"text": "Hello", "type": "text"}], "role": "user"}],
        ),
    ],
)
def test_a_question_is_known_again_by_what_agents_leave_alone(then: list[Message], now: list[Message]):
    told = body(*now, assistant(THOUGHT, text("x")), user("Next"))
    cleaned = SPEC.disowned(told, only(SPEC.question(body(*then))))
    assert messages_of(cleaned)[len(now)]["content"] == [text("x")]


def test_questions_differ_by_words_place_and_conversation():
    questions = {
        SPEC.question(told)
        for told in (
            body(user("yes")),
            body(user("no")),
            body(user("yes"), assistant(text("x")), user("yes")),
            body(user("no"), assistant(text("x")), user("yes")),
            body(*TALK, user(result("a"), result("b"))),
            body(*TALK, user(result("a"))),
        )
    }
    assert len(questions) == 6


def test_a_question_stays_the_newest_until_another_is_asked():
    assert SPEC.question(body(user("Hello"), assistant(text("It")))) == SPEC.question(body(user("Hello")))
    assert SPEC.question(body(user({"type": "image", "source": {}}))) != SPEC.question(
        body(*TALK[:2], user({"type": "image", "source": {}}))
    )


def test_a_message_of_thinking_alone_goes():
    told = body(user("Hello"), assistant(THOUGHT, HIDDEN), user("Next"))
    assert messages_of(SPEC.disowned(told, only(SPEC.question(body(user("Hello")))))) == [user("Hello"), user("Next")]


CLEARING: dict[str, Any] = {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}


@pytest.mark.parametrize(
    ("kind", "last", "disabled"),
    [
        ("enabled", [THOUGHT, call("c")], True),
        ("adaptive", [THOUGHT, call("c")], False),
        ("enabled", [THOUGHT, text("x")], False),
    ],
)
def test_thinking_is_disabled_where_the_last_answer_would_have_to_begin_with_it(kind: str, last: list[Message], disabled: bool):
    told = body(user("Hello"), assistant(*last), user(result("c")), thinking={"type": kind, "budget_tokens": 1024}, **CLEARING)
    cleaned = json.loads(SPEC.disowned(told, only(SPEC.question(body(user("Hello"))))))
    assert (cleaned["thinking"] == {"type": "disabled"}) is disabled
    assert ("context_management" in cleaned) is not disabled
    later = body(*messages_of(told), assistant(THOUGHT, call("d")), user(result("d")), thinking={"type": kind}, **CLEARING)
    assert json.loads(SPEC.disowned(later, only(SPEC.question(body(user("Hello"))))))["thinking"] == {"type": kind}


def test_an_answer_in_several_messages_is_one():
    told = body(user("Hello"), assistant(THOUGHT), assistant(call("c")), user(result("c")), user(REMINDER), thinking={"type": "enabled"})
    cleaned = json.loads(SPEC.disowned(told, only(SPEC.question(body(user("Hello"))))))
    assert cleaned["messages"] == [user("Hello"), assistant(call("c")), user(result("c")), user(REMINDER)]
    assert cleaned["thinking"] == {"type": "disabled"}


def test_what_cannot_be_read_has_nothing_in_it():
    odd = [{"role": "user", "content": 7}, {"role": "assistant", "content": [7]}, {"role": "tool"}, {"role": "user", "content": None}]
    told = body(*odd, user("Hello"), assistant(THOUGHT, text("x")), user("Next"))
    cleaned = messages_of(SPEC.disowned(told, only(SPEC.question(body(*odd, user("Hello"))))))
    assert cleaned == [*odd, user("Hello"), assistant(text("x")), user("Next")]


WORDS = st.one_of(st.sampled_from(["yes", "half \ud83d", "🪁"]), st.text(st.characters(codec="utf-8"), max_size=5))
BLOCKS = st.lists(st.sampled_from([THOUGHT, HIDDEN, text("x"), call("c")]), min_size=1, max_size=4)


@given(st.lists(st.tuples(WORDS, BLOCKS, st.booleans()), max_size=5))
def test_untouched_messages_keep_their_bytes(turns: list[tuple[str, list[Message], bool]]):
    written, left, drafted = [], [], set()
    for number, (words, blocks, taken) in enumerate(turns):
        written.append(json.dumps(user(f"{number}{words}"), indent=1))
        drafted |= {SPEC.question(_listed(written))} if taken else set()
        written.append(json.dumps(assistant(*blocks), separators=(" , ", " : ")))
        kept = [block for block in blocks if not taken or block not in (THOUGHT, HIDDEN)]
        left += [written[-2], *([written[-1]] if kept == blocks else [json.dumps(assistant(*kept))] if kept else [])]
    sent = _listed(written)
    cleaned = SPEC.disowned(sent, drafted.__contains__)
    assert messages_of(cleaned) == [json.loads(message) for message in left]
    assert all(message.encode() in cleaned for message in left if message in written)
    assert (cleaned is sent) == (written == left)


def _listed(messages: list[str]) -> bytes:
    return b'{"model":"m", "messages":[ %b ] }' % " ,\n".join(messages).encode()


UNSIGNED = {"type": "thinking", "thinking": "hm", "signature": ""}


@pytest.mark.parametrize("thought", [UNSIGNED, {**UNSIGNED, "signature": None}, {"type": "thinking", "thinking": "hm"}])
def test_thinking_that_nobody_signed_goes_whoever_is_asked(thought: Message):
    told = body(user("Hello"), assistant(thought, THOUGHT, text("Hi.")), user("Go on"), assistant(thought), user("Well?"))
    assert messages_of(SPEC.disowned(told, only())) == [
        user("Hello"),
        assistant(THOUGHT, text("Hi.")),
        user("Go on"),
        user("Well?"),
    ]
    mine = SPEC.disowned(told, only(SPEC.question(body(user("Hello")))))
    assert messages_of(mine)[1] == assistant(text("Hi."))


def test_without_its_unsigned_thought_an_answer_that_goes_on_is_asked_for_without_thinking():
    enabled = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    told = body(user("Read"), assistant(UNSIGNED, call("a")), user(result("a")), **enabled)
    assert json.loads(SPEC.disowned(told, only()))["thinking"] == {"type": "disabled"}
    told = body(user("Read"), assistant(UNSIGNED, text("No.")), user("Why?"), **enabled)
    assert json.loads(SPEC.disowned(told, only()))["thinking"] == enabled["thinking"]
