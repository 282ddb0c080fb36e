"""OpenAI's own SDK takes what is written."""

from __future__ import annotations

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from extproc.core.answers import Counted, Erred, Piece, gathered
from extproc.core.vocabulary import Usage
from tests.core.dialects.openai_chat.made import CHAT, REQUESTS, provided, read

ASKED: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]


def client(answer: bytes, content_type: str) -> openai.OpenAI:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": content_type}, content=answer)

    return openai.OpenAI(
        api_key="k", base_url="http://x/v1", max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(respond))
    )


def held(pieces: list[Piece]) -> bytes:
    """A stream that was held first, and once more in the middle."""
    writer = CHAT.writer(5)
    events = [writer.write(piece) for piece in pieces]
    return b"".join([CHAT.keepalive(first=True), *events[:3], CHAT.keepalive(first=True), *events[3:]])


@pytest.fixture(params=REQUESTS)
def pieces(request: pytest.FixtureRequest) -> list[Piece]:
    *most, ended = read([provided(request.param)[0]])
    return [*most, Counted(Usage(9, 5, 4, 2, 3)), ended]


def test_the_sdk_puts_a_held_stream_together(pieces: list[Piece]):
    answer = gathered(pieces)
    with client(held(pieces), "text/event-stream").chat.completions.stream(model="m", messages=ASKED) as stream:
        stream.until_done()
        message = stream.current_completion_snapshot.choices[0].message
    assert (message.content or "") == answer.text
    calls = [call for call in message.tool_calls or () if isinstance(call, ChatCompletionMessageFunctionToolCall)]
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [(c.id, c.name, c.text) for c in answer.calls]


def test_the_sdk_reads_the_chunks(pieces: list[Piece]):
    answer = gathered(pieces)
    with client(held(pieces), "text/event-stream") as sdk:
        seen = list(sdk.chat.completions.create(model="m", messages=ASKED, stream=True))
    texts = [choice.delta.content or "" for chunk in seen for choice in chunk.choices]
    usage = seen[-1].usage
    assert "".join(texts) == answer.text
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (9, 5, 14)
    assert [choice.finish_reason for chunk in seen for choice in chunk.choices if choice.finish_reason]


def test_the_sdk_reads_a_folded_answer(pieces: list[Piece]):
    answer = gathered(pieces)
    with client(CHAT.fold(answer, 5), "application/json") as sdk:
        completion = sdk.chat.completions.create(model="m", messages=ASKED)
    message = completion.choices[0].message
    assert (completion.id, completion.model, completion.created) == (answer.id, answer.model, 5)
    assert (message.content or "") == answer.text
    assert [call.id for call in message.tool_calls or ()] == [call.id for call in answer.calls]


def test_the_sdk_raises_an_error_in_the_stream(pieces: list[Piece]):
    broken = held([*pieces[:3], Erred(503, "Gone")])
    with client(broken, "text/event-stream") as sdk, pytest.raises(openai.APIError, match="Gone"):
        list(sdk.chat.completions.create(model="m", messages=ASKED, stream=True))
