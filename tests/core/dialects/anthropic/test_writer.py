"""What is written is what the real SDK reads, and what the reader reads back."""

from __future__ import annotations

import json

import anthropic
import httpx2
import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import (
    Answer,
    Began,
    Block,
    Closed,
    Counted,
    Ended,
    Erred,
    Form,
    Grew,
    Opened,
    Part,
    Signed,
    Stop,
    Stopped,
    gathered,
    pieces_of,
)
from extproc.core.dialects.anthropic.reader import whole
from extproc.core.dialects.anthropic.writer import fold
from extproc.core.vocabulary import Usage
from tests.core.dialects.anthropic.made import ANSWERS, END, START, STOP, closed, data_of, delta, opened, read, stream, written

TOKENS = st.integers(0, 10**9)
USAGES = st.builds(lambda fresh, out, read, wrote, thought: Usage(fresh + read + wrote, out, read, wrote, thought), *[TOKENS] * 5)
NAMES = st.text(max_size=8)
BLOCKS = st.one_of(
    st.builds(Block, st.just(Part.TEXT), NAMES),
    st.builds(Block, st.just(Part.THINKING), NAMES, signature=NAMES),
    st.builds(Block, st.just(Part.CALL), st.sampled_from(["{}", '{"a": "\\ud83d\\ude80"}']), NAMES, NAMES),
    st.builds(lambda data: Block(Part.OTHER, raw={"type": "redacted_thinking", "data": data}), NAMES),
)
WHOLE = st.builds(
    Answer, NAMES, NAMES, st.lists(BLOCKS, max_size=4).map(tuple), st.sampled_from(Stop), NAMES, USAGES, st.none(), st.just(True)
)


@given(WHOLE)
def test_what_is_written_is_read_back(answer: Answer):
    assert gathered(read(written(pieces_of(answer)))) == answer
    assert gathered(whole(fold(answer))) == answer


@pytest.mark.parametrize("name", ANSWERS)
def test_a_simulated_answer_is_written_as_it_was(name: str):
    streamed, document = ANSWERS[name]
    again = written(read(streamed))
    assert read(again) == read(streamed)
    assert gathered(whole(fold(gathered(read(streamed))))) == gathered(whole(document))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_real_sdk_takes_what_is_written(name: str):
    streamed, document = ANSWERS[name]
    answer = gathered(read(streamed))
    folded = _sdk_message("application/json", fold(answer))
    for told in (written(read(streamed)), written(pieces_of(answer))):
        message = _sdk_stream(told)
        assert message.to_dict(exclude_none=True) == folded.to_dict(exclude_none=True)
    wanted = json.loads(document)
    assert json.loads(folded.to_json())["content"] == wanted["content"]
    assert (folded.stop_reason, folded.stop_sequence) == (wanted["stop_reason"], wanted["stop_sequence"])
    assert folded.usage.cache_read_input_tokens == wanted["usage"]["cache_read_input_tokens"]
    assert folded.usage.input_tokens == wanted["usage"]["input_tokens"]


def _client(kind: str, body: bytes) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers={"content-type": kind}, content=body))
    return anthropic.Anthropic(api_key="k", base_url="http://x", max_retries=0, http_client=httpx2.Client(transport=transport))


def _sdk_message(kind: str, body: bytes) -> Message:
    with _client(kind, body) as client:
        return client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])


def _sdk_stream(body: bytes) -> Message:
    with (
        _client("text/event-stream", body) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as events,
    ):
        return events.get_final_message()


def test_indices_are_contiguous_and_there_is_one_end():
    events = data_of(written([*read(ANSWERS["calls"][0]), Ended(), Grew("late"), Erred(500, "late")]))
    kinds = [told["type"] for told in events]
    assert [told["index"] for told in events if told["type"] == "content_block_start"] == [0, 1, 2, 3]
    assert [kinds.count(kind) for kind in ("message_start", "content_block_stop", "message_delta", "message_stop")] == [1, 4, 1, 1]
    assert kinds[-2:] == ["message_delta", "message_stop"]


@pytest.mark.parametrize("first", [[Began("i", "m"), Counted(Usage(7, 1, 2))], [Counted(Usage(7, 1, 2)), Began("i", "m")]])
def test_the_first_event_carries_the_usage_that_is_known(first: list[Began | Counted]):
    events = data_of(written([*first, Counted(Usage(7, 50, 2))]))
    assert [told["type"] for told in events] == ["message_start"]
    assert (events[0]["message"]["id"], events[0]["message"]["model"]) == ("i", "m")
    assert events[0]["message"]["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2,
        "output_tokens": 1,
    }


def test_a_stream_without_a_count_begins_with_its_first_block_and_counts_at_its_end():
    events = data_of(written([Began(), Opened(Part.TEXT), Closed(), Stopped(Stop.LENGTH), Counted(Usage(7, 50)), Ended()]))
    assert events[0]["message"]["usage"]["output_tokens"] == 0
    assert (events[-2]["delta"]["stop_reason"], events[-2]["usage"]["output_tokens"]) == ("max_tokens", 50)


def test_a_call_without_input_has_an_empty_one():
    events = data_of(written([Opened(Part.CALL, "t", "f"), Closed()]))
    assert events[1]["content_block"] == {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    assert [told["delta"]["partial_json"] for told in events[2:-1]] == ["", "{}"]
    assert json.loads(fold(Answer(blocks=(Block(Part.CALL, "", "t", "f"),))))["content"][0]["input"] == {}


@pytest.mark.parametrize("text", ['{"a":', "[1]", "7"])
def test_an_input_that_is_no_object_is_kept_as_text_in_a_body(text: str):
    folded = json.loads(fold(Answer(blocks=(Block(Part.CALL, text, "t", "f"),))))
    assert folded["content"][0]["input"] == {"INVALID_JSON": text}


def test_signatures_are_for_thinking():
    assert data_of(written([Opened(Part.THINKING), Signed("s")]))[-1]["delta"] == {"type": "signature_delta", "signature": "s"}
    assert written([Opened(Part.TEXT), Signed("s")]) == written([Opened(Part.TEXT)])


def test_after_an_error_there_is_silence():
    events = data_of(written([Began(), Counted(Usage()), Opened(Part.TEXT), Erred(529, "busy"), Closed(), Stopped(Stop.END), Ended()]))
    assert events[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    assert [told["type"] for told in events].count("message_stop") == 0


def test_other_blocks_are_written_as_they_came():
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result", "url": "u"}]}
    summary = {"type": "compaction", "content": None}
    middle = [
        opened(0, **search),
        delta(0, type="input_json_delta", partial_json='{"q":'),
        delta(0, type="input_json_delta", partial_json='"x\\ny"}'),
        closed(0),
        opened(1, **result),
        closed(1),
        opened(2, **summary),
        delta(2, type="compaction_delta", content="It was\u2028long.", encrypted_content="e"),
        closed(2),
    ]
    pieces = read(stream(START, *middle, END, STOP))
    assert data_of(written(pieces))[1:-2] == middle
    assert data_of(written(pieces_of(gathered(pieces))))[1:-2] == middle
    assert json.loads(fold(gathered(pieces)))["content"] == [
        {**search, "input": {"q": "x\ny"}},
        result,
        {**summary, "content": "It was\u2028long.", "encrypted_content": "e"},
    ]


def test_thinking_that_nobody_signed_has_an_empty_signature():
    answer = Answer(
        "msg_1",
        "m",
        (Block(Part.THINKING, "Hm."), Block(Part.TEXT, "Hi.")),
        Stop.END,
        usage=Usage(3, 2),
        ended=True,
    )
    told = written(pieces_of(answer))
    assert b"signature_delta" not in told
    wanted = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    for message in (_sdk_stream(told), _sdk_message("application/json", fold(answer))):
        assert message.content[0].to_dict() == wanted


def test_free_text_of_another_dialects_call_is_told_as_json():
    call = Block(Part.CALL, "ls\n", "t", "run", form=Form.CUSTOM)
    answer = Answer("msg_1", "m", (call,), Stop.CALLS, usage=Usage(3, 2), ended=True)
    pieces = [Grew("l"), Grew("s\n")]
    for message in (
        _sdk_stream(written([*pieces_of(answer)[:3], *pieces, Closed(), Stopped(Stop.CALLS), Ended()])),
        _sdk_message("application/json", fold(answer)),
    ):
        assert message.content[0].to_dict()["input"] == {"input": "ls\n"}
