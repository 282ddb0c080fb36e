"""Streams and documents, read to the same answers, however the bytes are cut; and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Began, Block, Closed, Counted, Ended, Erred, Grew, Opened, Part, Stop, Stopped, gathered
from extproc.core.dialects.anthropic.reader import Reader, whole
from extproc.core.errors import MalformedError
from extproc.core.vocabulary import Usage
from extproc.core.wire.sse import SseEvent
from tests.core.dialects.anthropic.made import ANSWERS, END, START, STOP, closed, delta, opened, read, stream

TEXT = opened(type="text", text="")


def event(data: bytes, name: str = "") -> SseEvent:
    return SseEvent(name, data, b"")


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_and_its_document_are_the_same_answer(name: str):
    streamed, document = ANSWERS[name]
    answer = gathered(read(streamed))
    assert answer.whole
    assert answer.blocks
    assert answer == gathered(whole(document))


@given(st.sampled_from(sorted(ANSWERS)), st.data())
def test_the_pieces_are_the_same_however_the_bytes_are_cut(name: str, data: st.DataObject):
    streamed = ANSWERS[name][0]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(streamed)), max_size=12)))
    chunks = [streamed[start:end] for start, end in zip([0, *cuts], [*cuts, len(streamed)], strict=True)]
    assert read(*chunks) == read(streamed)


def test_an_answer_with_all_that_is_understood():
    answer = gathered(read(ANSWERS["calls"][0]))
    assert [block.part for block in answer.blocks] == [Part.THINKING, Part.TEXT, Part.CALL, Part.CALL]
    assert answer.blocks[0].signature
    assert [(call.name, json.loads(call.text)) for call in answer.calls] == [("weather", {"city": "example city"}), ("clock", {})]
    assert (answer.stop, answer.model) == (Stop.CALLS, "m-1")


def test_usage_counts_the_cached_parts_as_input():
    usage = gathered(read(ANSWERS["cached"][0])).usage
    assert usage is not None
    assert 0 < usage.cached_input < usage.input
    counts = {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 1}
    start = {**START, "message": {**START["message"], "usage": counts}}
    later = {"input_tokens": None, "cache_read_input_tokens": 200, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
    told = [piece.usage for piece in read(stream(start, {**END, "usage": later})) if isinstance(piece, Counted)]
    assert told == [Usage(123, 1, 100, 20), Usage(223, 9, 200, 20, 4)]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("tool_use", Stop.CALLS),
        ("stop_sequence", Stop.SEQUENCE),
        ("max_tokens", Stop.LENGTH),
        ("model_context_window_exceeded", Stop.LENGTH),
        ("refusal", Stop.REFUSAL),
        ("pause_turn", Stop.OTHER),
        ("invented", Stop.OTHER),
    ],
)
def test_stop_reasons(reason: str, stop: Stop):
    told = {"stop_reason": reason, "stop_sequence": "X"}
    assert Stopped(stop, "X") in read(stream(START, {"type": "message_delta", "delta": told}))
    assert Stopped(stop, "X") in whole(json.dumps({"content": [], **told}).encode())


@pytest.mark.parametrize(
    ("kind", "status"),
    [("overloaded_error", 529), ("api_error", 500), ("rate_limit_error", 429), ("invented", 500), ("timeout_error", 504)],
)
def test_an_error_has_the_status_of_its_kind_and_ends_the_answer(kind: str, status: int):
    error = {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "r"}
    answer = gathered(read(stream(START, TEXT, delta(type="text_delta", text="Hi"), error, delta(type="text_delta", text="!"), STOP)))
    assert (answer.error, answer.text, answer.ended) == (Erred(status, "no"), "Hi", False)
    assert gathered(read(stream(error))).error == Erred(status, "no")


def test_what_is_not_known_says_nothing():
    answer = read(
        b": hello\n\n",
        b'data: {"type":"ping"}\n\n',
        stream({"type": "invented", "index": "x", "delta": 7}, {**START, "more": [{}]}, {"type": "ping", "cost": 1}, TEXT),
        stream(delta(type="citations_delta", citation={}), delta(type="invented_delta", text="?"), delta(type="text_delta", text="Hi")),
        stream(closed(), closed(), closed(7), {**END, "usage": {"server_tool_use": {}}}, STOP, START),
        b"data: [DONE]\n\n",
    )
    assert answer == [
        Began("msg_1", "m"),
        Counted(Usage(3, 1)),
        Opened(Part.TEXT),
        Grew("Hi"),
        Closed(),
        Counted(Usage(3, 1)),
        Stopped(Stop.END),
        Ended(),
    ]


def test_a_block_that_is_not_closed_is_closed_by_what_comes_next():
    pieces = read(stream(START, TEXT, opened(1, type="text", text="now"), END, STOP))
    assert pieces[2:6] == [Opened(Part.TEXT), Closed(), Opened(Part.TEXT), Grew("now")]
    assert pieces[6] == Closed()


def test_other_blocks_keep_what_they_are():
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    hidden = {"type": "redacted_thinking", "data": "abc"}
    found = gathered(read(stream(START, opened(0, **search), delta(0, type="input_json_delta", partial_json='{"q":'), opened(1, **hidden))))
    assert [(block.part, block.raw) for block in found.blocks] == [(Part.OTHER, search), (Part.OTHER, hidden)]
    assert json.loads(found.blocks[0].text) == {"type": "input_json_delta", "partial_json": '{"q":'}
    assert gathered(whole(json.dumps({"content": [hidden]}).encode())).blocks == (Block(Part.OTHER, raw=hidden),)


@pytest.mark.parametrize(
    ("given_at_once", "grown", "text"), [({}, [], "{}"), ({"a": 1}, [""], '{"a": 1}'), ({}, ["", '{"a":', "2}"], '{"a":2}')]
)
def test_the_input_of_a_call_comes_in_deltas_or_with_its_block(given_at_once: dict[str, int], grown: list[str], text: str):
    deltas = [delta(type="input_json_delta", partial_json=part) for part in grown]
    answer = gathered(read(stream(START, opened(type="tool_use", id="t", name="f", input=given_at_once), *deltas, closed())))
    assert answer.calls == [Block(Part.CALL, text, "t", "f")]


@pytest.mark.parametrize(
    "events",
    [
        b"data: {\n\n",
        b"data: 7\n\n",
        b"event: message_start\ndata: {}\n\n",
        stream(delta(type="text_delta", text="x")),
        stream(TEXT),
        stream(START, START),
        stream(START, delta(type="text_delta", text="x")),
        stream(START, TEXT, delta(1, type="text_delta", text="x")),
        stream(START, TEXT, closed(), delta(type="text_delta", text="x")),
        stream(START, TEXT, delta(type="thinking_delta", thinking="x")),
        stream(START, TEXT, delta(type="text_delta", text=7)),
        stream(START, opened(type="tool_use", id="t")),
        stream(START, {"type": "content_block_start", "index": 0}),
    ],
)
def test_what_no_answer_can_be_is_malformed(events: bytes):
    with pytest.raises(MalformedError):
        read(events)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"type":"error","error":{}}', b'{"content":[7]}', b'{"content":[{"type":"text","text":"\xff"}]}']
)
def test_a_body_that_is_no_answer_is_malformed(body: bytes):
    with pytest.raises(MalformedError):
        whole(body)


SCALARS = st.one_of(
    st.none(), st.integers(), st.sampled_from(["", "text", "tool_use", "thinking", "text_delta", "input_json_delta", "end_turn"])
)
NAMES = st.sampled_from(
    ["type", "index", "text", "usage", "input", "id", "name", "partial_json", "message", "input_tokens", "stop_reason", "data"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=4)), max_leaves=6
)
KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error", "x"]
)
EVENTS = st.builds(
    lambda kind, **fields: json.dumps({"type": kind, **fields}).encode(),
    KINDS,
    index=st.one_of(st.just(0), VALUES),
    delta=st.one_of(st.fixed_dictionaries({"type": SCALARS, "text": VALUES}), VALUES),
    content_block=st.one_of(st.fixed_dictionaries({"type": SCALARS, "text": VALUES, "input": VALUES}), VALUES),
    message=st.one_of(st.just({}), VALUES),
)


@given(st.lists(st.one_of(EVENTS, st.binary(max_size=30)), max_size=8))
def test_garbage_is_malformed_or_says_little(events: list[bytes]):
    reader, pieces = Reader(), []
    try:
        for data in events:
            pieces += reader.read(event(data))
    except MalformedError as error:
        assert error.kind  # noqa: PT017 - that nothing else is raised is the point
    assert len(gathered(pieces).blocks) <= len(events)


@given(st.one_of(st.binary(max_size=60), VALUES.map(lambda value: json.dumps({"content": [value], "usage": value}).encode())))
def test_a_garbage_body_is_malformed_or_an_answer(body: bytes):
    try:
        assert whole(body)[-1] == Ended()
    except MalformedError as error:
        assert error.kind in {"not_json", "unexpected_json"}  # noqa: PT017


def test_json_that_is_nested_too_deep_is_malformed():
    with pytest.raises(MalformedError):
        read(b'event: x\ndata: {"type":"content_block_start","index":0,"content_block":' + b"[" * 100_000 + b"\n\n")
