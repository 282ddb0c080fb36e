"""The requests of the demonstration, grouped by what becomes of them, and the outcome that each should have.

The simulated providers fail on command: a sample may carry the two headers that steer them for this one request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from extproc.core.vocabulary import Outcome, Plan

STEER_DRAFT = "x-simulate-draft"
STEER_VERIFY = "x-simulate-verify"
"""Request headers that tell a simulated provider how to behave."""

_PARAMETERS = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
_READ_FILE = {"name": "read_file", "description": "Read a file of the working folder.", "input_schema": _PARAMETERS}
_READ_FUNCTION = {"type": "function", "name": "read_file", "parameters": _PARAMETERS}
_FRUIT_SCHEMA = {
    "type": "object",
    "properties": {"fruits": {"type": "array", "items": {"type": "string"}, "minItems": 3}},
    "required": ["fruits"],
    "additionalProperties": False,
}
_FRUITS = {"type": "json_schema", "json_schema": {"name": "fruits", "strict": True, "schema": _FRUIT_SCHEMA}}


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of a client that knows nothing of us, and what should become of it."""

    title: str
    path: str
    body: Any
    """JSON data, or bytes that go out as they are; None for a GET."""
    plan: Plan
    outcome: Outcome
    because: str = ""
    """A rule that must be among the reasons."""
    stream: bool = False
    status: int = 200
    steer: Mapping[str, str] = field(default_factory=dict)


def _messages(text: str | Sequence[Any], **more: Any) -> dict[str, Any]:
    """A Messages request of one user message, or of these messages."""
    messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
    return {"model": "claude-opus-4-8", "max_tokens": 1024, "messages": messages, **more}


def _chat(text: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": text}]
    return {"model": "gpt-5.5", "messages": messages, **more}


def _responses(given: Any, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.5", "input": given, **more}


def _tool_result(asked: str, text: str, *, is_error: bool = False) -> list[Any]:
    """An agent's conversation: it was asked something, it has read a file, and the result comes back."""
    call = {"type": "tool_use", "id": "toolu_01", "name": "read_file", "input": {"path": "config.toml"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_01", "content": text, **({"is_error": True} if is_error else {})}
    return [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]


_TIMEOUT = "What does config.toml set the timeout to?"
_IGNORED = "Explain why config.toml is ignored, and analyse which settings apply instead."
_FUNCTION_RESULT = [
    {"type": "message", "role": "user", "content": _TIMEOUT},
    {"type": "function_call", "call_id": "call_01", "name": "read_file", "arguments": '{"path": "config.toml"}'},
    {"type": "function_call_output", "call_id": "call_01", "output": "include = defaults.toml"},
]
_FAREWELL = [
    {"role": "user", "content": "Good morning!"},
    {"role": "assistant", "content": "Good morning! How can I help?"},
    {"role": "user", "content": "Thank you, bye!"},
    {"role": "system", "content": "The user has left the terminal."},
]
_TITLE = "Write a short title in sentence case for this conversation. Answer with the title only."
_QUEUE = (
    "Design a lock-free multi-producer queue in C++, prove that it is linearizable, and analyse its security under memory "
    "reclamation races. It must not use hazard pointers, must handle ABA, and must stay wait-free for readers. "
    "Explain every trade-off step by step and refactor the code until it is production ready."
)
_DEADLOCK = (
    "Why does this deadlock? Find the root cause and fix the race condition.\n```python\ndef transfer(a, b):\n    with a.lock:\n"
    '        with b.lock:\n            move(a, b)\n```\nTraceback (most recent call last):\n  File "bank.py", line 12, in transfer\n'
    "TimeoutError: lock not acquired after 30 s"
)
_SKY = "Explain why the sky is blue, and compare it with the colour of sunsets."
_SORTS = "Why is quicksort faster than heapsort in practice?"
_BUFFER = "Implement a ring buffer in Python and explain it."
_INDEX = "Should we index this column? Analyse the trade-off."
_PROOF = "Prove that the square root of two is irrational."
_ROME = "Plan a three-day trip to Rome and explain the order."

_M, _C, _R = "/v1/messages", "/v1/chat/completions", "/v1/responses"
_USAGE = {"stream_options": {"include_usage": True}}
_DRAFT, _CASCADE, _DIRECT = Plan.DRAFT, Plan.CASCADE, Plan.DIRECT

_SIMPLE = (
    Sample("Hello! How are you today?", _M, _messages("Hello! How are you today?"), _DRAFT, Outcome.SKIPPED, "greeting", stream=True),
    Sample("List three primary colours.", _C, _chat("List three primary colours."), _DRAFT, Outcome.SKIPPED, "simple_list"),
    Sample("What is the capital of France?", _R, _responses("What is the capital of France?"), _DRAFT, Outcome.SKIPPED, stream=True),
    Sample(
        "Agent: a title for the conversation",
        _M,
        _messages("Please fix the flaky login test", max_tokens=64, system=_TITLE),
        _DRAFT,
        Outcome.SKIPPED,
    ),
    Sample(
        "Agent: a tool's result (checked)",
        _M,
        _messages(_tool_result(_TIMEOUT, "timeout = 30"), tools=[_READ_FILE]),
        _DRAFT,
        Outcome.SKIPPED,
        stream=True,
    ),
    Sample(
        "Name three fruits, as JSON (checked)",
        _C,
        _chat("Name three fruits.", response_format=_FRUITS),
        _DRAFT,
        Outcome.SKIPPED,
        "json_schema",
    ),
)
_JUDGED = (
    Sample("Why is the sky blue, and sunsets red?", _M, _messages(_SKY), _CASCADE, Outcome.ACCEPTED, stream=True),
    Sample("Why is quicksort faster than heapsort?", _R, _responses(_SORTS), _CASCADE, Outcome.ACCEPTED),
    Sample(
        "Implement a ring buffer in Python.",
        _C,
        _chat(_BUFFER, **_USAGE),
        _CASCADE,
        Outcome.ENHANCED,
        stream=True,
        steer={STEER_VERIFY: "verdict=improve"},
    ),
    Sample(
        "Agent: a tool's error (checked, judged)",
        _M,
        _messages(_tool_result(_IGNORED, "no such file", is_error=True), tools=[_READ_FILE]),
        _CASCADE,
        Outcome.ENHANCED,
        "tool_errors",
        steer={STEER_VERIFY: "verdict=improve"},
    ),
)
_TROUBLED = (
    Sample("Thank you, bye! (draft says 400)", _M, _messages(_FAREWELL), _DRAFT, Outcome.RESCUED, "draft_status_400", stream=True),
    Sample(
        "Agent: next call (draft's is wrong)",
        _R,
        _responses(_FUNCTION_RESULT, tools=[_READ_FUNCTION], tool_choice="required", store=False),
        _DRAFT,
        Outcome.RESCUED,
        "check_valid_arguments",
        stream=True,
        steer={STEER_DRAFT: "invalid-arguments"},
    ),
    Sample(
        "Should we index this? (draft breaks off)",
        _C,
        _chat(_INDEX),
        _CASCADE,
        Outcome.RESCUED,
        "draft_reset",
        steer={STEER_DRAFT: "cut=4"},
    ),
    Sample(
        "Plan three days in Rome. (verify down)",
        _M,
        _messages(_ROME),
        _CASCADE,
        Outcome.FALLBACK,
        "verify_status_503",
        stream=True,
        steer={STEER_VERIFY: "status=503"},
    ),
    Sample(
        "Prove that √2 is irrational. (both down)",
        _C,
        _chat(_PROOF),
        _CASCADE,
        Outcome.FAILED,
        "verify_status_529",
        status=529,
        steer={STEER_DRAFT: "status=503", STEER_VERIFY: "status=529"},
    ),
    Sample(
        "The same, when a stream has begun",
        _M,
        _messages(_PROOF),
        _CASCADE,
        Outcome.FAILED,
        "draft_reset",
        stream=True,
        steer={STEER_DRAFT: "cut=4", STEER_VERIFY: "status=529"},
    ),
)
_HARD = (
    Sample(
        "Design a lock-free queue and prove it.",
        _M,
        _messages(_QUEUE, thinking={"type": "enabled", "budget_tokens": 16000}),
        _DIRECT,
        Outcome.DIRECT,
        "keyword_prove",
        stream=True,
    ),
    Sample("Why does this deadlock? (trace)", _C, _chat(_DEADLOCK, **_USAGE), _DIRECT, Outcome.DIRECT, "stack_trace", stream=True),
    Sample("Agent: a new instruction", _M, _messages("Read config.toml.", tools=[_READ_FILE]), _DIRECT, Outcome.DIRECT, stream=True),
    Sample(
        "And in Spanish? (provider's state)",
        _R,
        _responses("And in Spanish?", previous_response_id="resp_01"),
        _DIRECT,
        Outcome.DIRECT,
        "server_held",
    ),
    Sample(
        "Compare three pets, as JSON.",
        _C,
        _chat("Compare three pets for a small flat and explain your choice.", response_format={"type": "json_object"}),
        _DIRECT,
        Outcome.DIRECT,
        "cannot_be_judged",
    ),
)
_OTHERS = (
    Sample("GET /v1/models", "/v1/models", None, Plan.BYPASS, Outcome.BYPASSED),
    Sample(
        "(malformed JSON)", _M, b'{"model": "claude-opus-4-8", "messages": [', Plan.BYPASS, Outcome.BYPASSED, "unreadable_json", status=400
    ),
)

SAMPLES = (*_SIMPLE, *_JUDGED, *_TROUBLED, *_HARD, *_OTHERS)
