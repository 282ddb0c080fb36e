"""Streams and documents → pieces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Began, Block, Closed, Ended, Erred, Form, Grew, Opened, Part, Stop, gathered
from extproc.core.errors import MalformedError
from extproc.core.vocabulary import Usage
from extproc.core.wire.sse import SseEvent, SseParser
from tests.core.dialects.openai_responses.made import KINDS, SPEC, answered, read, simulated, stream

STREAM, DOCUMENT = simulated(**KINDS["everything"])
SINGLE_BYTES = read(STREAM[at : at + 1] for at in range(len(STREAM)))
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
}
DONE: dict[str, Any] = {"type": "response.completed", "response": {"id": "resp_1", "usage": USAGE}}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said}], **more}


def call(call_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}", **more}


def done(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "item": item, **more}


def added(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "item": item, **more}


def delta(kind: str, said: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "delta": said, **more}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_says_what_the_document_says(kind: str):
    sent, document = simulated(**KINDS[kind])
    answer = gathered(read(sent))
    assert answer.whole
    assert answer == gathered(SPEC.whole(document))


def test_what_is_read_is_what_was_said():
    answer, document = gathered(read(STREAM)), json.loads(DOCUMENT)
    thought, message, *calls = document["output"]
    assert [block.part for block in answer.blocks] == [Part.THINKING, Part.TEXT, Part.CALL, Part.CALL]
    assert (answer.blocks[0].text, answer.blocks[0].signature) == (thought["summary"][0]["text"], thought["encrypted_content"])
    assert answer.text == message["content"][0]["text"]
    assert [(block.id, block.name, block.text) for block in answer.calls] == [
        (one["call_id"], one["name"], one["arguments"]) for one in calls
    ]
    assert (answer.id, answer.model, answer.stop) == (document["id"], "m", Stop.CALLS)
    assert answer.usage == Usage(
        input=document["usage"]["input_tokens"],
        output=document["usage"]["output_tokens"],
        reasoning=document["usage"]["output_tokens_details"]["reasoning_tokens"],
    )


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_cuts_change_nothing(cuts: list[int]):
    at = [0, *sorted(cuts), len(STREAM)]
    assert read(STREAM[start:end] for start, end in pairwise(at)) == read(STREAM) == SINGLE_BYTES


def test_pieces_come_with_the_deltas():
    pieces = read(stream(added(text("")), delta("output_text", "a"), delta("output_text", "b"), DONE))
    assert pieces[:5] == [Began(), Opened(Part.TEXT), Grew("a"), Grew("b"), Closed()]
    assert pieces[-1] == Ended()


def test_items_that_come_whole_are_read_and_all_of_them():
    answer = answered(done(text("one")), done(call("c1")), done(call("c2")), done(text("two")), DONE)
    assert [(block.part, block.text, block.id) for block in answer.blocks] == [
        (Part.TEXT, "one", ""),
        (Part.CALL, "{}", "c1"),
        (Part.CALL, "{}", "c2"),
        (Part.TEXT, "two", ""),
    ]
    assert answer.usage == Usage(input=9, output=5, cached_input=4, reasoning=2)


def test_items_that_only_the_last_event_has_are_read():
    answer = answered({**DONE, "response": {"output": [text("one"), call("c")]}})
    assert (answer.text, answer.calls[0].id, answer.stop) == ("one", "c", Stop.CALLS)


@pytest.mark.parametrize("name", [{}, {"output_index": 0}, {"item_id": "msg_1"}, {"output_index": 0, "item_id": "msg_1"}])
@pytest.mark.parametrize("index", [{}, {"output_index": 0}])
def test_nothing_is_read_twice_however_events_name_their_item(name: dict[str, Any], index: dict[str, Any]):
    whole = text("Hello", id="msg_1")
    said = [delta("output_text", "Hel", **name), delta("output_text", "lo", **name)]
    ending = [{"type": "response.output_text.done", "text": "Hello", **name}, done(whole, **index), done(whole, **index)]
    assert answered(*said, *ending, {**DONE, "response": {"output": [whole]}}).text == "Hello"


def test_ids_that_change_within_an_item_do_no_harm():
    said = [added(text("", id="msg_a"), output_index=0), delta("output_text", "Hello", output_index=0, item_id="msg_b")]
    whole = done(text("Hello", id="msg_c"), output_index=0)
    assert answered(*said, whole, whole, DONE).text == "Hello"


def test_items_of_one_index_are_told_apart():
    answer = answered(*[done(call(f"c{number}", id=f"fc_{number}"), output_index=0) for number in range(3)], DONE)
    assert [block.id for block in answer.calls] == ["c0", "c1", "c2"]


def test_what_deltas_left_out_is_added():
    answer = answered(
        added(call("c"), output_index=0),
        delta("function_call_arguments", '{"a', output_index=0),
        done(call("c", arguments='{"a":1}'), output_index=0),
        DONE,
    )
    assert answer.calls[0].text == '{"a":1}'


def test_items_that_overlap_are_told_one_after_the_other():
    one, two = {"output_index": 0}, {"output_index": 1}
    answer = answered(
        added(call("c1", arguments=""), **one),
        added(call("c2", arguments=""), **two),
        delta("function_call_arguments", "[1", **one),
        delta("function_call_arguments", "[2", **two),
        delta("function_call_arguments", "]", **two),
        delta("function_call_arguments", "]", **one),
        done(call("c2", arguments="[2]"), **two),
        DONE,
    )
    assert [(block.id, block.text) for block in answer.calls] == [("c1", "[1]"), ("c2", "[2]")]


def test_custom_tools_namespaces_and_phases_are_kept():
    custom = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "exec", "input": "ls", "namespace": "shell"}
    answer = answered(
        added({**custom, "input": ""}), delta("custom_tool_call_input", "l"), done(custom), done(text("x", phase="commentary")), DONE
    )
    assert answer.blocks == (
        Block(Part.CALL, "ls", "c", "exec", raw={"type": "custom_tool_call", "id": "ctc_1", "namespace": "shell"}, form=Form.CUSTOM),
        Block(Part.TEXT, "x", raw={"phase": "commentary"}),
    )


def test_a_thought_of_several_paragraphs_is_one_text():
    item = {
        "type": "reasoning",
        "summary": [{"text": "a"}, {"text": "b"}],
        "content": [{"type": "reasoning_text", "text": "c"}],
        "encrypted_content": "E",
    }
    told = [delta("reasoning_summary_text", letter, summary_index=at) for at, letter in enumerate("ab")]
    answer = answered(added({"type": "reasoning", "content": None}), *told, delta("reasoning_text", "c", content_index=0), done(item), DONE)
    assert answer.blocks == answered(done(item), DONE).blocks == (Block(Part.THINKING, "a\n\nb\n\nc", signature="E"),)


def test_other_items_come_as_they_are():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
    answer = answered(
        added({**search, "status": "in_progress"}), {"type": "response.web_search_call.searching"}, done(search), done(text("x")), DONE
    )
    assert answer.blocks[0] == Block(Part.OTHER, raw=search)
    assert answer.stop is Stop.END
    assert answered(done({"type": "shell_call", "call_id": "c"}), DONE).stop is Stop.CALLS


@pytest.mark.parametrize(
    ("status", "details", "stop"),
    [
        ("completed", None, Stop.END),
        ("incomplete", {"reason": "max_output_tokens"}, Stop.LENGTH),
        ("incomplete", {"reason": "content_filter"}, Stop.REFUSAL),
        ("incomplete", {"reason": "steered"}, Stop.OTHER),
        ("incomplete", None, Stop.OTHER),
    ],
)
def test_ends(status: str, details: Any, stop: Stop):
    response = {"status": status, "incomplete_details": details, "output": [text("x")]}
    assert answered({"type": f"response.{status}", "response": response}).stop is stop
    assert gathered(SPEC.whole(json.dumps(response).encode())).stop is stop


def test_a_refusal_is_text_and_a_reason():
    part = {"type": "refusal", "refusal": "I cannot."}
    streamed = answered(delta("refusal", "I can"), {"type": "response.content_part.done", "part": part}, DONE)
    whole = gathered(SPEC.whole(json.dumps({"output": [text("", content=[part])]}).encode()))
    for answer in (streamed, whole):
        assert (answer.text, answer.stop, answer.blocks[0].form) == ("I cannot.", Stop.REFUSAL, Form.REFUSAL)


@pytest.mark.parametrize(
    ("event", "erred"),
    [
        ({"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "slow"}}}, Erred(429, "slow")),
        ({"type": "response.failed", "response": {}}, Erred(500, "")),
        ({"type": "error", "code": "server_is_overloaded", "message": "busy"}, Erred(503, "busy")),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}, Erred(400, "no")),
        ({"error": {"code": 502, "message": "gone"}}, Erred(502, "gone")),
        ({"error": "gone"}, Erred(500, "gone")),
    ],
)
def test_errors(event: dict[str, Any], erred: Erred):
    answer = answered(delta("output_text", "Hal"), event, DONE)
    assert (answer.error, answer.ended, answer.text) == (erred, False, "Hal")


def test_what_says_nothing_is_passed_over():
    unknown = {"type": "response.shell_call_output_content.delta", "delta": {"stdout": "x"}}
    noise = b": comment\n\nevent: keepalive\n\ndata: [DONE]\n\n" + stream({"type": "keepalive", "sequence_number": 0}, unknown, {})
    assert read(noise) == []
    assert gathered(read(noise + STREAM + noise + stream(delta("output_text", "more")))) == gathered(read(STREAM))


def test_half_an_emoji_is_readable():
    assert gathered(read(b'data: {"type":"response.output_text.delta","delta":"a\\ud83d"}\n\n')).text == "a\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"7",
        b'{"type":7}',
        b'{"type":"response.unknown",',
        b'{"type":"response.completed"}',
        b'{"type":"response.output_text.delta","delta":[]}',
        b'{"type":"response.output_text.delta","delta":"\xff"}',
        b'{"type":"response.function_call_arguments.delta","delta":"{","output_index":4}',
        b'{"type":"response.completed","response":{"output":[7]}}',
        b'{"type":"response.output_item.done","item":' + b"[" * 5_000,
    ],
)
def test_what_is_no_event_is_malformed(data: bytes):
    with pytest.raises(MalformedError):
        SPEC.reader().read(SseEvent("", data, b""))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"status":"in_progress","output":[]}', b'{"output":[7]}', b'{"output":"x"}']
)
def test_what_is_no_answer_is_malformed(body: bytes):
    with pytest.raises(MalformedError):
        SPEC.whole(body)


def test_a_document_may_be_an_error():
    assert gathered(SPEC.whole(b'{"status":"failed","error":{"code":"server_error","message":"m"}}')).error == Erred(500, "m")
    assert gathered(SPEC.whole(b'{"error":{"type":"rate_limit_error","message":"m"}}')).error == Erred(429, "m")


NAMES = ["type", "item", "response", "output", "delta", "output_index", "item_id", "part", "content", "error", "usage", "id", "call_id"]
TYPES = [json.loads(event.data)["type"] for event in SseParser().feed(STREAM)] + [
    "error",
    "response.failed",
    "message",
    "output_text",
    "reasoning",
]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=4), st.sampled_from(TYPES)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=12,
)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40), st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=dict.fromkeys(NAMES[1:], VALUES))
        ),
        max_size=6,
    )
)
def test_garbage_is_malformed_at_worst(garbage: list[bytes | dict[str, Any]]):
    reader = SPEC.reader()
    for one in garbage:
        data = one if isinstance(one, bytes) else json.dumps(one).encode()
        for reading in (lambda data=data: reader.read(SseEvent("", data, data)), lambda data=data: SPEC.whole(data)):
            try:
                pieces = reading()
            except MalformedError:
                continue
            assert gathered(pieces) is not None
