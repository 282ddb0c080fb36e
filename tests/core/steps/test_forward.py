"""What leaves: the client's bytes, and the headers that a proxy passes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.conversation import Manner
from extproc.core.events import Headers
from extproc.core.steps.accept import accept
from extproc.core.steps.forward import body_for, body_to, end_to_end, remember
from extproc.core.steps.provenance import Fingerprints
from extproc.core.vocabulary import PATH_OF, Dialect, Request, Role, View

REQUEST = Request(Dialect.OPENAI_CHAT, b'{"model": "asked"}', "asked", 10, 17, False, View())


def test_the_same_model_changes_nothing_and_another_only_its_name():
    assert body_for(REQUEST, "asked") is None
    assert body_for(REQUEST, 'sm"all') == b'{"model": "sm\\"all"}'


def test_hop_by_hop_headers_and_our_own_stay_here():
    given = [
        (":path", b"/"),
        ("host", b"h"),
        ("connection", b"close, X-Hop"),
        ("x-hop", b"1"),
        ("content-length", b"3"),
        ("transfer-encoding", b"chunked"),
        ("x-cascade-plan", b"draft"),
        ("x-envoy-internal", b"true"),
        ("authorization", b"Bearer k"),
        ("anthropic-beta", b"a"),
        ("anthropic-beta", b"b"),
    ]
    assert end_to_end(Headers(given)) == [("authorization", b"Bearer k"), ("anthropic-beta", b"a"), ("anthropic-beta", b"b")]


def thought(by: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": f"As {by} thinks.", "signature": f"signed by {by}"}


def reasoning(by: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "encrypted_content": f"signed by {by}"}


def conversation(dialect: Dialect, *answers: str) -> Request:
    """A conversation whose answers were thought out by these."""
    turns: list[Any] = []
    for number, by in enumerate(answers):
        turns.append({"role": "user", "content": f"Question {number}"})
        if dialect is Dialect.ANTHROPIC:
            turns.append({"role": "assistant", "content": [thought(by), {"type": "text", "text": by}]})
        else:
            turns += [reasoning(by), {"role": "assistant", "content": by}]
    turns.append({"role": "user", "content": f"Question {len(answers)}"})
    body = {"model": "asked", "messages": turns, "max_tokens": 9, "thinking": {"type": "adaptive"}}
    if dialect is Dialect.OPENAI_RESPONSES:
        body = {"model": "asked", "input": turns, "include": ["reasoning.encrypted_content"]}
    return accept(PATH_OF[dialect], "", json.dumps(body).encode())


@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES])
@pytest.mark.parametrize(
    ("role", "model", "thoughts", "kept"),
    [
        (Role.VERIFY, "claude-opus-4-8", "auto", ["verify"]),
        (Role.VERIFY, "my-own-name-for-it", "auto", ["verify"]),
        (Role.VERIFY, "deepseek-v4-pro", "auto", ["draft", "verify"]),
        (Role.VERIFY, "claude-opus-4-8", "always", ["draft", "verify"]),
        (Role.DRAFT, "anthropic/claude-haiku-4-5", "auto", ["draft"]),
        (Role.DRAFT, "gpt-5-mini", "auto", ["draft"]),
        (Role.DRAFT, "gpt-oss-120b", "auto", ["draft", "verify"]),
        (Role.DRAFT, "deepseek-chat", "auto", ["draft", "verify"]),
        (Role.DRAFT, "deepseek-chat", "never", ["draft"]),
        (Role.DRAFT, "gpt-5-mini", "always", ["draft", "verify"]),
    ],
)
def test_no_provider_that_looks_at_signatures_gets_thinking_of_another(
    dialect: Dialect, role: Role, model: str, thoughts: str, kept: list[str]
):
    drafted = Fingerprints(b"")
    remember(conversation(dialect), drafted)  # what came before the first answer
    asked = conversation(dialect, "draft", "verify")
    body = body_to(role, asked, Manner(model, thoughts=thoughts), drafted)
    assert body is not None
    assert json.loads(body)["model"] == model
    assert [by for by in ("draft", "verify") if f"signed by {by}".encode() in body] == kept


@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES])
def test_an_agents_own_chores_are_not_remembered(dialect: Dialect):
    drafted = Fingerprints(b"")
    remember(conversation(dialect), drafted, "internal")
    body = body_to(Role.VERIFY, conversation(dialect, "verify"), Manner("asked"), drafted)
    assert body is None
