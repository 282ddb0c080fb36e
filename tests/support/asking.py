"""A question, asked by the real SDKs in each of their ways, and the ways in which a cascade can end."""

from __future__ import annotations

from typing import Any

import anthropic
import openai

from tests.support.pair import HARD, steering

Seen = tuple[str, str]
"""The model that the answer names, and its text."""

MODEL = "claude-opus-4-8"
OUTCOMES = {
    "ACCEPTED": steering(verify="verdict=accept"),
    "ENHANCED": steering(verify="verdict=improve"),
    "RESCUED": steering(draft="status=503"),
    "RESCUED late": steering(draft="cut=6"),
    "RESCUED checked": steering(draft="repeat"),
    "FALLBACK": steering(verify="status=500"),
}


def messages(claude: anthropic.Anthropic, how: dict[str, str]) -> Seen:
    answer = claude.messages.create(model=MODEL, max_tokens=2048, messages=[{"role": "user", "content": HARD}], extra_headers=how)
    assert answer.stop_reason == "end_turn"
    return answer.model, "".join(block.text for block in answer.content if block.type == "text")


def messages_events(claude: anthropic.Anthropic, how: dict[str, str]) -> Seen:
    model, text, kinds = "", "", []
    asked: Any = [{"role": "user", "content": HARD}]
    for event in claude.messages.create(model=MODEL, max_tokens=2048, messages=asked, stream=True, extra_headers=how):
        kinds.append(event.type)
        if event.type == "message_start":
            model = event.message.model
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            text += event.delta.text
    assert (kinds[0], kinds[-1], kinds.count("message_start")) == ("message_start", "message_stop", 1)
    return model, text


def messages_helper(claude: anthropic.Anthropic, how: dict[str, str]) -> Seen:
    asked: Any = [{"role": "user", "content": HARD}]
    with claude.messages.stream(model=MODEL, max_tokens=2048, messages=asked, extra_headers=how) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
    assert answer.usage.output_tokens > 0
    return answer.model, text


def chat(gpt: openai.OpenAI, how: dict[str, str]) -> Seen:
    answer = gpt.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": HARD}], extra_headers=how)
    assert answer.choices[0].finish_reason == "stop"
    return answer.model, answer.choices[0].message.content or ""


def chat_chunks(gpt: openai.OpenAI, how: dict[str, str]) -> Seen:
    asked: Any = [{"role": "user", "content": HARD}]
    chunks = list(gpt.chat.completions.create(model=MODEL, messages=asked, stream=True, extra_headers=how))
    assert all(chunk.usage is None for chunk in chunks)
    (model,), (_,) = {chunk.model for chunk in chunks}, {chunk.id for chunk in chunks}
    assert chunks[-1].choices[0].finish_reason == "stop"
    return model, "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def chat_helper(gpt: openai.OpenAI, how: dict[str, str]) -> Seen:
    asked: Any = [{"role": "user", "content": HARD}]
    more: Any = {"stream_options": {"include_usage": True}}
    with gpt.chat.completions.stream(model=MODEL, messages=asked, extra_headers=how, **more) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_completion()
    assert kinds[-1] != "error"
    assert answer.usage is not None
    return answer.model, answer.choices[0].message.content or ""


def responses(gpt: openai.OpenAI, how: dict[str, str]) -> Seen:
    answer = gpt.responses.create(model=MODEL, input=HARD, extra_headers=how)
    assert answer.status == "completed"
    return answer.model, answer.output_text


def responses_events(gpt: openai.OpenAI, how: dict[str, str]) -> Seen:
    events = list(gpt.responses.create(model=MODEL, input=HARD, stream=True, extra_headers=how))
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    assert events[0].type == "response.created"
    last = events[-1]
    assert last.type == "response.completed"
    return last.response.model, "".join(event.delta for event in events if event.type == "response.output_text.delta")


def responses_helper(gpt: openai.OpenAI, how: dict[str, str]) -> Seen:
    with gpt.responses.stream(model=MODEL, input=HARD, extra_headers=how) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        answer = stream.get_final_response()
    assert answer.output_text == text
    return answer.model, text


CLAUDE = (messages, messages_events, messages_helper)
GPT = (chat, chat_chunks, chat_helper, responses, responses_events, responses_helper)
