"""What is written is coherent, ends once, and reads as what it was."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Began, Block, Closed, Counted, Ended, Erred, Grew, Opened, Part, Piece, Stop, gathered, pieces_of
from extproc.core.vocabulary import Usage
from tests.core.dialects.openai_chat.made import CHAT, DONE, REQUESTS, called, chunks, provided, read

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=8)
BLOCKS = st.one_of(
    st.builds(Block, st.sampled_from([Part.TEXT, Part.THINKING]), TEXTS),
    st.builds(lambda name, text, number: Block(Part.CALL, text, f"call_{number}", name), TEXTS, TEXTS, st.integers(0)),
)


def alternating(blocks: list[Block]) -> bool:
    """Neither one text after another, which would be read as one, nor two calls with one id."""
    ids = [block.id for block in blocks if block.id]
    kinds = [block.part for block in blocks]
    twice = any(first is second is not Part.CALL for first, second in pairwise(kinds))
    return not twice and len(set(ids)) == len(ids)


def written(pieces: list[Piece], *, usage: bool = True) -> bytes:
    writer = CHAT.writer(1_790_000_000, usage=usage)
    return b"".join([writer.write(piece) for piece in pieces])


def objects(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.removeprefix(b"data: ")) for event in stream.removesuffix(DONE).split(b"\n\n") if event]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_providers_answer_written_again_reads_the_same(name: str):
    pieces = read([provided(name)[0]])
    assert read([written(pieces)]) == pieces


@given(st.lists(BLOCKS, max_size=5).filter(alternating), st.sampled_from([Stop.END, Stop.LENGTH, Stop.REFUSAL]), st.booleans())
def test_any_answer_written_reads_the_same(blocks: list[Block], stop: Stop, counts: bool):
    called = any(block.part is Part.CALL for block in blocks)
    usage = Usage(9, 5, 4, 2, 3) if counts else None
    answer = Answer("c-1", "m-1", tuple(blocks), Stop.CALLS if called and stop is Stop.END else stop, usage=usage, ended=True)
    assert gathered(read([written(pieces_of(answer))])) == answer


@given(st.lists(BLOCKS, max_size=5).filter(alternating))
def test_a_folded_answer_has_the_same_text_and_calls(blocks: list[Block]):
    answer = Answer("c-1", "m-1", tuple(blocks), Stop.LENGTH, usage=Usage(1, 2), ended=True)
    again = gathered(CHAT.whole(CHAT.fold(answer, 5)))
    assert (again.text, again.calls, again.usage, again.stop) == (answer.text, answer.calls, answer.usage, answer.stop)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_folded_stream_is_the_providers_document(name: str):
    stream, document = provided(name)
    told = gathered(CHAT.whole(document))
    folded = gathered(CHAT.whole(CHAT.fold(gathered([*read([stream]), Counted(told.usage or Usage())]), 5)))
    assert folded == told


def test_all_chunks_agree_and_usage_comes_where_it_is_asked_for():
    pieces = read([provided("calls")[0]])
    told, untold = objects(written(pieces)), objects(written(pieces, usage=False))
    for chunk in told + untold:
        assert (chunk["object"], chunk["created"], chunk["model"]) == ("chat.completion.chunk", 1_790_000_000, "m-1")
        assert chunk["id"] == told[0]["id"]
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["total_tokens"] == told[-1]["usage"]["prompt_tokens"] + told[-1]["usage"]["completion_tokens"]
    assert all(chunk["usage"] is None for chunk in told[:-1])
    assert len(untold) == len(told) - 1
    assert all("usage" not in chunk for chunk in untold)


@pytest.mark.parametrize("first", [Ended(), Erred(503, "Gone")])
def test_there_is_one_end(first: Piece):
    begun: list[Piece] = [Began("c-1", "m-1"), Opened(Part.TEXT), Grew("A"), Closed(), first]
    rest: list[Piece] = [Ended(), Erred(500, "Oh"), Grew("B")]
    assert written(begun + rest) == written(begun)
    assert written(begun).count(DONE) == isinstance(first, Ended)


def test_an_error_ends_as_clients_understand_it():
    assert objects(written([Erred(429, "Slow down")])) == [json.loads(CHAT.error(429, "Slow down"))]
    assert CHAT.error_event(429, "Slow down") == written([Erred(429, "Slow down")])


@pytest.mark.parametrize(
    ("stream", "message", "finish"),
    [
        (chunks({"content": "A"}, finish="stop"), {"content": "A", "refusal": None}, "stop"),
        (chunks(finish="stop"), {"content": "", "refusal": None}, "stop"),
        (chunks({"refusal": "No"}, finish="stop"), {"content": None, "refusal": "No"}, "stop"),
        (chunks({"content": "A"}, finish="content_filter"), {"content": "A", "refusal": None}, "content_filter"),
        (
            chunks(called(0, "f", "{}", id="a"), finish="tool_calls"),
            {
                "content": None,
                "refusal": None,
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            "tool_calls",
        ),
        (
            chunks({"tool_calls": [{"index": 0, "id": "a", "custom": {"name": "sql", "input": "select 1"}}]}, finish="tool_calls"),
            {
                "content": None,
                "refusal": None,
                "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}],
            },
            "tool_calls",
        ),
        (
            chunks({"function_call": {"name": "f", "arguments": "{}"}}, finish="function_call"),
            {"content": None, "refusal": None, "function_call": {"name": "f", "arguments": "{}"}},
            "function_call",
        ),
        (
            chunks({"content": "A"}, {"annotations": [{"type": "url_citation"}]}, finish="stop"),
            {"content": "A", "refusal": None, "annotations": [{"type": "url_citation"}]},
            "stop",
        ),
    ],
)
def test_forms_of_their_own_keep_them(stream: bytes, message: dict[str, Any], finish: str):
    pieces = read([stream])
    choice = json.loads(CHAT.fold(gathered(pieces), 5))["choices"][0]
    assert choice["message"] == {"role": "assistant", **message}
    assert choice["finish_reason"] == finish
    again = written(pieces, usage=False)
    assert read([again]) == pieces
    assert objects(again)[-1]["choices"][0]["finish_reason"] == finish
