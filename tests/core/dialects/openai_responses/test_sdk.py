"""What is written is what OpenAI's own SDK takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import openai
import pytest
from msgspec.structs import replace

from extproc.core.answers import Answer, Block, Part, Stop, gathered, pieces_of
from tests.core.dialects.openai_responses.made import KINDS, SPEC, read, simulated, written

REST = (
    Block(Part.CALL, "ls", "call_1", "exec", raw={"type": "custom_tool_call"}),
    Block(Part.OTHER, raw={"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}),
    Block(Part.TEXT, "I cannot.", raw={"type": "refusal"}),
    Block(Part.THINKING, signature="E"),
)


HELD = "resp_held"
WAIT = SPEC.keepalive(held_id=HELD, first=True) + SPEC.keepalive(held_id=HELD)


@contextmanager
def client(body: bytes, kind: str = "text/event-stream") -> Iterator[openai.OpenAI]:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers={"content-type": kind}, content=body))
    with openai.OpenAI(api_key="k", base_url="http://provider.example/v1", http_client=httpx.Client(transport=transport)) as made:
        yield made


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cut"])
def test_the_stream_helper_gathers_what_was_written(kind: str):
    answer = gathered(read(simulated(**KINDS[kind])[0]))
    with (
        client(SPEC.keepalive() + written(pieces_of(answer)) + SPEC.keepalive()) as sdk,
        sdk.responses.stream(model="m", input="x") as stream,
    ):
        events = list(stream)
        final = stream.get_final_response()
    assert events[-1].type == "response.completed"
    assert final.output_text == answer.text
    assert [(item.call_id, item.arguments) for item in final.output if item.type == "function_call"] == [
        (one.id, one.text) for one in answer.calls
    ]
    assert final.usage is not None
    assert final.usage.total_tokens > 0


def test_the_stream_helper_waits_with_events_where_the_id_is_ours():
    answer = gathered(read(simulated(**KINDS["text"])[0]))
    with client(WAIT + written(pieces_of(replace(answer, id=HELD)))) as sdk, sdk.responses.stream(model="m", input="x") as stream:
        assert stream.get_final_response().output_text == answer.text


def test_items_of_all_kinds_are_taken():
    answer = Answer("resp_1", "m", REST, Stop.CALLS, ended=True)
    with client(written(pieces_of(answer))) as sdk, sdk.responses.stream(model="m", input="x") as stream:
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["custom_tool_call", "web_search_call", "message", "reasoning"]


def test_a_cut_answer_is_incomplete():
    sent = written(read(simulated(**KINDS["cut"])[0]))
    with client(sent) as sdk, sdk.responses.stream(model="m", input="x") as stream:
        last = list(stream)[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_the_plain_stream_takes_the_answer_and_the_error():
    sent = WAIT + written(read(simulated(**KINDS["text"])[0]))
    with client(sent) as sdk:
        assert [event.type for event in sdk.responses.create(model="m", input="x", stream=True)][-1] == "response.completed"
    with client(WAIT + SPEC.error_event(503, "busy")) as sdk:
        *_, event = sdk.responses.create(model="m", input="x", stream=True)
    assert event.type == "response.failed"
    assert event.response.error is not None
    assert event.response.error.message == "busy"


def test_a_document_is_taken():
    answer = gathered(read(simulated(**KINDS["everything"])[0]))
    with client(SPEC.fold(answer, 7), "application/json") as sdk:
        response = sdk.responses.create(model="m", input="x")
    assert (response.output_text, response.created_at, response.status) == (answer.text, 7, "completed")


def test_errors_are_raised_with_their_message():
    transport = httpx.MockTransport(lambda _: httpx.Response(429, content=SPEC.error(429, "slow down")))
    with (
        openai.OpenAI(
            api_key="k", base_url="http://provider.example/v1", max_retries=0, http_client=httpx.Client(transport=transport)
        ) as sdk,
        pytest.raises(openai.RateLimitError, match="slow down"),
    ):
        sdk.responses.create(model="m", input="x")
