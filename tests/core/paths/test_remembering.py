"""A client of Chat Completions in front of DeepSeek: answers of the other model, which has told no thought, get an empty one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from extproc.core.conversation import Manner
from extproc.core.policy import Tongue
from extproc.core.steps.accept import accept
from extproc.core.steps.forward import body_to
from extproc.core.steps.provenance import Fingerprints
from extproc.core.vocabulary import PATH_OF, Dialect, Plan, Role
from tests.core.paths.playbook import POLICY, QUESTION, Play

CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": QUESTION},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c", "content": "fine"},
]
BODY = json.dumps({"model": "big", "messages": TALK}).encode()


def thoughts(body: bytes) -> list[Any]:
    return [message.get("reasoning_content") for message in json.loads(body)["messages"] if message["role"] == "assistant"]


@pytest.mark.parametrize(("told", "expected"), [("always", [""]), ("auto", [None])])
def test_a_draft_that_we_ask_for(told: str, expected: list[Any]):
    policy = replace(POLICY, tongues={Role.DRAFT: Tongue(thoughts=told)})
    on = Play(Dialect.OPENAI_CHAT, policy=policy, plan=Plan.CASCADE, messages=TALK)
    assert thoughts(on.call.body) == expected


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        (Manner("small", thoughts="always"), [""]),
        (Manner("deepseek-chat"), [""]),
        (Manner("deepseek-chat", thoughts="never"), [None]),
        (Manner("small"), [None]),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_a_request_that_passes_through(manner: Manner, expected: list[Any], role: Role):
    body = body_to(role, accept(PATH_OF[Dialect.OPENAI_CHAT], "", BODY), manner, Fingerprints(b""))
    assert body is not None
    assert json.loads(body)["model"] == manner.model
    assert thoughts(body) == expected
    if expected == [None]:
        assert body == BODY.replace(b'"big"', f'"{manner.model}"'.encode())


def test_a_body_that_cannot_be_read_for_certain_stays():
    twice = BODY.replace(b'"messages": [', b'"messages": [], "messages": [', 1)
    request = structs.replace(accept(PATH_OF[Dialect.OPENAI_CHAT], "", BODY), body=twice)
    assert body_to(Role.DRAFT, request, Manner("big", thoughts="always"), Fingerprints(b"")) is None
