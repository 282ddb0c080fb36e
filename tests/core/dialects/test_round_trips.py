"""What a table calls carried is not lost: a conversation of nothing else is read again as it was written, in every dialect."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from extproc.core.conversation import (
    Choice,
    Conversation,
    Form,
    Manner,
    Media,
    Message,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    fitted,
    losses,
)
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.turns import turns
from extproc.core.dialects.words import effort_of
from extproc.core.features import Feature, How
from extproc.core.vocabulary import Dialect
from tests.support.strict import refusals

WORDS = st.text('aé🪁 \n\u2028"\\<', min_size=1, max_size=8).map(lambda text: f"x{text}x")
NAMES = st.sampled_from(["look", "files/read.me", "ä" * 70, "run"])
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}')
IMAGE = Media("image", "image/png", "QQ==")


def _parts(carried: frozenset[Feature]) -> st.SearchStrategy[Text | Media]:
    media = {Feature.IMAGE_DATA: IMAGE, Feature.IMAGE_URL: Media("image", url="https://x/a.png")}
    media[Feature.DOCUMENT_DATA] = Media("document", "application/pdf", "QQ==", name="a.pdf")
    media[Feature.DOCUMENT_URL] = Media("document", url="https://x/a.pdf")
    return st.one_of(WORDS.map(Text), *[st.just(one) for feature, one in media.items() if feature in carried])


@st.composite
def _exchange(draw: st.DrawFn, carried: frozenset[Feature]) -> list[Message]:
    """A question, some calls and their results, and an answer."""
    messages = [Message(Role.USER, tuple(draw(st.lists(_parts(carried), min_size=1, max_size=3))))]
    for _ in range(draw(st.integers(0, 2))):
        ids = draw(st.lists(st.sampled_from(["call_1", "b:2", "c" * 50]), min_size=1, max_size=3, unique=True))
        words = [Text(draw(WORDS))] if draw(st.booleans()) else []
        messages.append(Message(Role.ASSISTANT, (*words, *[ToolCall(id_, draw(NAMES), '{"a": 1.0}') for id_ in ids])))
        messages.append(Message(Role.USER, tuple([_result(draw, id_, carried) for id_ in draw(st.permutations(ids))])))
    return [*messages, Message(Role.ASSISTANT, (Text(draw(WORDS)),))]


def _result(draw: st.DrawFn, id_: str, carried: frozenset[Feature]) -> ToolResult:
    more = (IMAGE,) if Feature.RESULT_PARTS in carried and draw(st.booleans()) else ()
    failed = Feature.RESULT_ERROR in carried and draw(st.booleans())
    return ToolResult(id_, (*[Text(draw(WORDS))], *more), error=failed)


@st.composite
def conversations(draw: st.DrawFn, carried: frozenset[Feature]) -> Conversation:
    def maybe(feature: Feature, values: st.SearchStrategy[Any], otherwise: Any = None) -> Any:
        return draw(st.one_of(st.just(otherwise), values)) if feature in carried else otherwise

    messages = [message for exchange in draw(st.lists(_exchange(carried), max_size=3)) for message in exchange]
    tools = tuple([Tool(name, draw(WORDS), SCHEMA) for name in draw(st.lists(NAMES, unique=True, max_size=3))])
    modes = [mode for mode in ("required", "none") if Feature(f"choice_{mode}") in carried]
    return Conversation(
        model="x",
        system=tuple(draw(st.lists(WORDS.map(Text), max_size=2))),
        messages=(*messages, Message(Role.USER, (Text(draw(WORDS)),))),
        tools=tools,
        choice=Choice(draw(st.sampled_from(["auto", *modes])), parallel=maybe(Feature.PARALLEL, st.just(value=False)))
        if tools
        else Choice(),
        form=maybe(Feature.JSON_SCHEMA, st.just(Form(SCHEMA, "answer"))),
        max_tokens=maybe(Feature.MAX_TOKENS, st.integers(16, 9_000)),
        stop=maybe(Feature.STOP, st.just(("a", "b")), ()),
        temperature=maybe(Feature.TEMPERATURE, st.floats(0, 1)),
        top_p=maybe(Feature.TOP_P, st.floats(0, 1)),
        seed=maybe(Feature.SEED, st.integers(0, 9)),
        frequency_penalty=maybe(Feature.PENALTIES, st.floats(0, 1)),
        stream=draw(st.booleans()),
        user=maybe(Feature.USER, st.just("u"), ""),
    )


def told(conversation: Conversation) -> dict[str, Any]:
    """What a conversation says, however its dialect cuts it: texts side by side are one."""
    return {
        "system": _joined(conversation.system),
        "messages": [(message.role, _said(message.parts)) for message in turns(conversation.messages)],
        "tools": [(fitted(tool.name), tool.description, bytes(tool.schema or b"")) for tool in conversation.tools],
        "choice": (conversation.choice.mode, conversation.choice.parallel is False and conversation.choice.mode != "none"),
        "form": conversation.form and json.loads(bytes(conversation.form.schema or b"null")),
        **{
            name: getattr(conversation, name)
            for name in ("max_tokens", "stop", "temperature", "top_p", "seed", "frequency_penalty", "stream", "user")
        },
    }


def _joined(parts: Any) -> str:
    return "".join([part.text for part in parts if isinstance(part, Text)]).replace("\n", "")


def _plain(media: Media) -> Media:
    return replace(media, detail="") if media.detail == "auto" else media


def _said(parts: tuple[Part, ...]) -> list[Any]:
    said: list[Any] = [_joined(parts)]
    for part in parts:
        match part:
            case ToolCall():
                said.append((fitted(part.id, 40), fitted(part.name), json.loads(part.arguments)))
            case ToolResult():
                said.append(
                    (fitted(part.id, 40), _joined(part.parts), [_plain(one) for one in part.parts if isinstance(one, Media)], part.error)
                )
            case Media():
                said.append(_plain(part))
    return said


@pytest.mark.parametrize("dialect", Dialect)
@settings(max_examples=50)
@given(st.data())
def test_what_is_carried_is_read_again(dialect: Dialect, data: st.DataObject):
    spec = DIALECTS[dialect]
    carried = frozenset([feature for feature, how in spec.carries.items() if how is How.CARRIED])
    before = data.draw(conversations(carried))
    body = spec.asked(before, Manner("m"))
    assert refusals(dialect, body) == []
    after = spec.conversation(body)
    expected = told(before)
    if dialect is Dialect.ANTHROPIC and before.max_tokens is None:
        expected["max_tokens"] = 8192
    assert told(after) | ({} if after.tools and before.tools else {"tools": expected["tools"], "choice": expected["choice"]}) == expected
    assert spec.asked(after, Manner("m")) == spec.asked(after, Manner("m"))
    assert not [loss for loss in losses(after, spec.carries) if loss.how is How.REFUSED]


@pytest.mark.parametrize("dialect", Dialect)
def test_every_field_of_the_tables_has_a_way_that_is_known(dialect: Dialect):
    for spec in DIALECTS.values():
        assert {spec.carries[feature] for feature in DIALECTS[dialect].fields.values()} <= set(How)


@pytest.mark.parametrize(
    ("word", "budget", "effort"),
    [("max", None, "high"), ("", 9_000, "high"), ("", 4_000, "medium"), ("", 1_024, "low"), ("", None, ""), ("odd", None, "")],
)
def test_efforts_are_told_in_words_that_all_know(word: str, budget: int | None, effort: str):
    assert effort_of(word, budget) == effort
