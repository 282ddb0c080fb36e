"""The requests of the demonstration, one of each kind that matters, and the outcome that each should have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from extproc.core.vocabulary import Outcome

_READ_FILE = {
    "name": "read_file",
    "description": "Read a file of the working folder.",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
_WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of a client that knows nothing of us."""

    title: str
    path: str
    body: Any
    """JSON data, or bytes that go out as they are; None for a GET."""
    expected: Outcome
    stream: bool = False
    status: int = 200


def _messages(title: str, text: str, expected: Outcome, *, stream: bool = False, **more: Any) -> Sample:
    messages = [{"role": "user", "content": text}]
    return Sample(title, "/v1/messages", {"model": "claude-opus-4-8", "max_tokens": 1024, "messages": messages, **more}, expected, stream)


def _chat(title: str, text: str, expected: Outcome, *, stream: bool = False, **more: Any) -> Sample:
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": text}]
    if stream:
        more["stream_options"] = {"include_usage": True}
    return Sample(title, "/v1/chat/completions", {"model": "gpt-5.5", "messages": messages, **more}, expected, stream)


def _responses(title: str, text: str, expected: Outcome, *, stream: bool = False, **more: Any) -> Sample:
    return Sample(title, "/v1/responses", {"model": "gpt-5.5", "input": text, **more}, expected, stream)


def _tool_turn() -> Sample:
    messages = [
        {"role": "user", "content": "What does config.toml set the timeout to?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_01", "name": "read_file", "input": {"path": "config.toml"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": "timeout = 30"}]},
    ]
    body = {"model": "claude-opus-4-8", "max_tokens": 1024, "messages": messages, "tools": [_READ_FILE]}
    return Sample("(tool result comes back)", "/v1/messages", body, Outcome.DIRECT, stream=True)


def _refused_by_draft() -> Sample:
    messages = [
        {"role": "user", "content": "Good morning!"},
        {"role": "assistant", "content": "Good morning! How can I help?"},
        {"role": "user", "content": "Thank you, bye!"},
        {"role": "system", "content": "The user has left the terminal."},
    ]
    body = {"model": "claude-opus-4-8", "max_tokens": 1024, "messages": messages}
    return Sample("Thank you, bye! (the draft provider says 400)", "/v1/messages", body, Outcome.RESCUED, stream=True)


SAMPLES = (
    _messages("Hello! How are you today?", "Hello! How are you today?", Outcome.SKIPPED, stream=True),
    _chat("List three primary colours.", "List three primary colours.", Outcome.SKIPPED),
    _responses("What is the capital of France?", "What is the capital of France?", Outcome.SKIPPED, stream=True),
    _messages(
        "(agent: conversation title)",
        "Please fix the flaky login test",
        Outcome.SKIPPED,
        max_tokens=64,
        system="Write a short title in sentence case for this conversation. Answer with the title only.",
    ),
    _chat("Translate 'good night' to Spanish.", "Translate 'good night' to Spanish.", Outcome.SKIPPED, stream=True),
    _messages(
        "Design a lock-free queue, prove it linearisable",
        "Design a lock-free multi-producer queue in C++, prove that it is linearizable, and analyse its security under memory "
        "reclamation races. It must not use hazard pointers, must handle ABA, and must stay wait-free for readers. "
        "Explain every trade-off step by step and refactor the code until it is production ready.",
        Outcome.DIRECT,
        stream=True,
        thinking={"type": "enabled", "budget_tokens": 16000},
    ),
    _chat(
        "Debug a deadlock from a stack trace",
        "Why does this deadlock? Find the root cause and fix the race condition.\n```python\ndef transfer(a, b):\n    with a.lock:\n"
        '        with b.lock:\n            move(a, b)\n```\nTraceback (most recent call last):\n  File "bank.py", line 12, in transfer\n'
        "TimeoutError: lock not acquired after 30 s",
        Outcome.DIRECT,
        stream=True,
    ),
    _messages("(agent: new instruction, tools offered)", "Read config.toml.", Outcome.DIRECT, stream=True, tools=[_READ_FILE]),
    _tool_turn(),
    _chat("(agent: tools offered, Chat dialect)", "How is the weather in Oslo?", Outcome.DIRECT, tools=[_WEATHER]),
    _refused_by_draft(),
    Sample("GET /v1/models", "/v1/models", None, Outcome.BYPASSED),
    Sample("(malformed JSON)", "/v1/messages", b'{"model": "claude-opus-4-8", "messages": [', Outcome.BYPASSED, status=400),
)
