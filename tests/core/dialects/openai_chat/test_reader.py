"""What streams and documents of Chat Completions are read as, the odd ones of real servers included."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Began, Block, Closed, Counted, Ended, Erred, Grew, Opened, Part, Stop, Stopped, gathered
from extproc.core.errors import MalformedError
from extproc.core.vocabulary import Usage
from extproc.core.wire.sse import SseEvent, SseParser
from tests.core.dialects.openai_chat.made import CHAT, DONE, REQUESTS, called, chunks, data, provided, read

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "message", "tool_calls", "function", "name", "index", "id", "usage", "error", "content"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def whole(**message: Any) -> Answer:
    return gathered(CHAT.whole(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()))


def test_a_stream_piece_by_piece():
    stream = chunks({"role": "assistant", "content": ""}, {"reasoning_content": "Hm"}, {"content": "A"}, {"content": "B"}, finish="stop")
    assert read([stream]) == [
        Began("c-1", "m-1"),
        *(Opened(Part.THINKING), Grew("Hm"), Closed()),
        *(Opened(Part.TEXT), Grew("A"), Grew("B"), Closed()),
        Stopped(Stop.END),
        Ended(),
    ]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_stream_says_what_the_document_says(name: str):
    stream, document = provided(name)
    streamed, answered = gathered(read([stream])), gathered(CHAT.whole(document))
    assert (streamed.id, streamed.model, streamed.blocks, streamed.stop) == (answered.id, answered.model, answered.blocks, answered.stop)
    assert streamed.usage == (answered.usage if "stream_options" in REQUESTS[name][0] else None)
    assert streamed.whole
    assert answered.whole


@given(st.sampled_from(["text", "calls"]), st.data())
def test_however_the_bytes_are_cut(name: str, draw: st.DataObject):
    stream, _ = provided(name)
    cuts = sorted({0, len(stream), *draw.draw(st.lists(st.integers(0, len(stream)), max_size=30))})
    assert read(stream[start:end] for start, end in pairwise(cuts)) == read([stream])


def test_byte_by_byte():
    stream, _ = provided("calls")
    assert read(bytes([byte]) for byte in stream) == read([stream])


def test_usage_counts_as_openai_counts_and_ends_nothing():
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    early = data({"id": "c-1", "choices": [{"index": 0, "delta": {"content": "A"}}], "usage": {"prompt_tokens": 9}})
    pieces = read([early, chunks({"content": "B"}), data({"choices": [], "usage": usage}), DONE])
    assert [piece.usage for piece in pieces if isinstance(piece, Counted)] == [Usage(input=9), Usage(9, 5, 4, 2, 3)]
    assert gathered(pieces).text == "AB"


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", Stop.END),
        ("length", Stop.LENGTH),
        ("tool_calls", Stop.CALLS),
        ("content_filter", Stop.REFUSAL),
        ("insufficient_system_resource", Stop.OTHER),
    ],
)
def test_reasons_to_stop(reason: str, stop: Stop):
    assert gathered(read([chunks({"content": "A"}, finish=reason)])).stop is stop


def test_a_stop_beside_calls_stops_for_the_calls():
    answer = gathered(read([chunks(called(0, "f", "{", id="a"), called(0, arguments="}"), called(1, "g", "{}", id="b"), finish="stop")]))
    assert answer.blocks == (Block(Part.CALL, "{}", "a", "f"), Block(Part.CALL, "{}", "b", "g"))
    assert answer.stop is Stop.CALLS


def test_a_refusal_is_a_text_and_a_reason():
    for answer in (gathered(read([chunks({"refusal": "I "}, {"refusal": "won't"}, finish="stop")])), whole(refusal="I won't")):
        assert (answer.text, answer.stop) == ("I won't", Stop.REFUSAL)


def test_the_older_form_of_a_call():
    stream = chunks({"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}, finish="function_call")
    for answer in (gathered(read([stream])), whole(function_call={"name": "f", "arguments": "{}"})):
        assert [(call.name, call.text, call.id) for call in answer.calls] == [("f", "{}", "")]
        assert answer.stop is Stop.CALLS


def test_a_custom_tools_input():
    call = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": "select"}}
    stream = chunks({"tool_calls": [call]}, {"tool_calls": [{"index": 0, "custom": {"input": " 1"}}]}, finish="tool_calls")
    assert [(call.name, call.text) for call in gathered(read([stream])).calls] == [("sql", "select 1")]


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(
            [called(0, "f", "{", id="a"), called(0, arguments="}"), called(0, "f", "{}", id="b")], id="one index for all (Ollama)"
        ),
        pytest.param([called(None, "f", "{}", id="a"), called(None, "f", "{}", id="b")], id="no index (Gemini)"),
        pytest.param([called(0, "f", "{", id="a"), called(0, "f", "}", id="a"), called(1, "f", "{}", id="b")], id="id and name repeated"),
        pytest.param(
            [{"tool_calls": [*called(0, "f", "{}", id="a")["tool_calls"], *called(1, "f", "{}", id="b")["tool_calls"]]}], id="one chunk"
        ),
    ],
)
def test_calls_of_other_servers(deltas: list[dict[str, Any]]):
    answer = gathered(read([chunks(*deltas, finish="tool_calls")]))
    assert [(call.id, call.text) for call in answer.calls] == [("a", "{}"), ("b", "{}")]


def test_a_thought_under_both_keys_is_read_once():
    stream = chunks({"reasoning": "Hm", "reasoning_content": "Hm"}, {"reasoning": "m"}, {"content": "A"}, finish="stop")
    assert gathered(read([stream])).blocks == (Block(Part.THINKING, "Hmm"), Block(Part.TEXT, "A"))


def test_citations_are_kept():
    cited = {"type": "url_citation", "url_citation": {"url": "http://x"}}
    assert whole(content="A", annotations=[cited]).blocks == (Block(Part.TEXT, "A"), Block(Part.OTHER, raw={"annotations": [cited]}))


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(chunks(called(0, "f", id="a"), {"content": "A"}, called(0, arguments="}")), id="text came between"),
        pytest.param(chunks(called(0, "f", id="a"), called(1, "g", id="b"), called(0, arguments="}")), id="another call came between"),
        pytest.param(chunks(called(0, "f", id="a"), called(1, "g", id="b"), called(0, "f", "}", id="a")), id="the closed call's id"),
        pytest.param(chunks(called(0, arguments="{}", id="a")), id="no name"),
        pytest.param(chunks({"content": "A"}, finish="stop").removesuffix(DONE) + chunks({"content": "B"}), id="text after the stop"),
        pytest.param(b"data: {oops\n\n", id="no JSON"),
        pytest.param(b"data: [1]\n\n", id="no object"),
        pytest.param(b'data: {"choices": 5}\n\n', id="no choices"),
    ],
)
def test_malformed_streams(stream: bytes):
    with pytest.raises(MalformedError):
        read([stream])


def test_what_says_nothing_is_passed_over():
    prompt = data({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    second = data({"id": "c-1", "model": "m-1", "choices": [{"index": 1, "delta": {"content": "B"}, "finish_reason": "stop"}]})
    repeated = data({"id": "c-1", "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]})
    whole_stream = chunks({"content": "A"}, finish="stop")
    noisy = [
        b": hold\n\n",
        prompt,
        CHAT.keepalive(first=True),
        second,
        whole_stream.removesuffix(DONE),
        repeated,
        DONE,
        DONE,
        chunks({"content": "C"}),
    ]
    assert gathered(read(noisy)) == gathered(read([whole_stream]))
    assert [type(piece) for piece in read(noisy)].count(Ended) == 1


def test_half_an_emoji_is_no_fault():
    assert gathered(read([b'data: {"choices":[{"delta":{"content":"A\\ud83d"}}]}\n\n'])).text == "A\ufffd"


def test_a_stream_without_its_end_is_not_whole():
    assert not gathered(read([chunks({"content": "A"})])).whole
    stopped = gathered(read([chunks({"content": "A"}, finish="stop").removesuffix(DONE)]))
    assert (stopped.stop, stopped.ended) == (Stop.END, False)
    assert not gathered(read([chunks({"content": "A"}), DONE])).whole


@pytest.mark.parametrize(
    ("event", "erred"),
    [
        (data({"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}}), Erred(429, "Slow down")),
        (data({"error": {"message": "No", "type": "invalid_request_error", "code": None}}), Erred(400, "No")),
        (data({"error": {"message": "Gone", "code": 502}, "choices": []}), Erred(502, "Gone")),
        (data({"error": "went away"}), Erred(500, "went away")),
        (data({"object": "error", "message": "Too long", "type": "BadRequestError", "code": 400}), Erred(400, "Too long")),
        (b"event: error\n" + data({"message": "Oh", "type": "server_error"}), Erred(500, "Oh")),
        (CHAT.error_event(429, "Later"), Erred(429, "Later")),
    ],
)
def test_errors_in_a_stream_end_it(event: bytes, erred: Erred):
    pieces = read([chunks({"content": "A"}), event, chunks({"content": "B"}, finish="stop")])
    assert pieces[-1] == erred
    assert gathered(pieces).text == "A"


def test_a_document_that_is_an_error():
    assert CHAT.whole(b'{"error":{"message":"No","code":"model_not_found"}}') == [Erred(404, "No")]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{"message":null}]}', b'{"choices":[{"index":1}]}']
)
def test_malformed_documents(body: bytes):
    with pytest.raises(MalformedError):
        CHAT.whole(body)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(["", "error", "ping"]))
def test_garbage_raises_nothing_else(junk: bytes, name: str):
    for reading in (lambda: CHAT.reader().read(SseEvent(name, junk, junk)), lambda: CHAT.whole(junk)):
        with suppress(MalformedError):
            assert isinstance(reading(), list)


@given(st.lists(JSON.map(lambda value: data({"choices": [{"delta": value}]})), max_size=4))
def test_odd_deltas_raise_nothing_else(events: list[bytes]):
    with suppress(MalformedError):
        assert isinstance(read(events), list)


def test_only_a_usage_that_nobody_asked_for_is_hidden():
    told, _ = provided("usage")
    untold, _ = provided("text")
    events = SseParser().feed(told)
    assert b"".join(CHAT.shown(event, usage=True) for event in events) == told
    hidden = b"".join(CHAT.shown(event, usage=False) for event in events)
    assert hidden.count(b"\n\n") == untold.count(b"\n\n")
    assert gathered(read([hidden])).usage is None
    both = data({"choices": [{"index": 0, "delta": {"content": '"usage"'}}], "usage": {"prompt_tokens": 1}})
    for raw in (both, data({"choices": [], "usage": None}), b'data: {"usage"\n\n', b": a comment\n\n"):
        assert b"".join(CHAT.shown(event, usage=False) for event in SseParser().feed(raw)) == raw
