"""How models are asked by clients of other dialects: from the file to the policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.config.model import Config
from extproc.config.policy import policy
from extproc.core.steps.accept import accept
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import Role

ASKED = b'{"model":"big","messages":[{"role":"user","content":"Hi"}],"reasoning_effort":"high","max_completion_tokens":9}'


def body(config: Config) -> bytes:
    """What the draft model is asked."""
    return Interpreter(accept("/v1/chat/completions", "", ASKED), policy(config, frozenset())).body(Role.DRAFT)


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("thinking: adaptive", b'"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}'),
        ("thinking: never", b'{"model":"small","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}'),
    ],
)
def test_how_thinking_is_asked_for(loaded: Callable[..., Config], minimal: str, told: str, written: bytes) -> None:
    config = loaded(minimal.replace("    model: small\n", f"    model: small\n    {told}\n"), DRAFT_KEY="k")
    assert written in body(config)


def test_the_key_of_the_limit(loaded: Callable[..., Config], minimal: str) -> None:
    responses = b'{"model":"big","input":"Hi","max_output_tokens":99}'
    spoken = minimal.replace("    dialect: anthropic\n", "    dialect: openai_chat\n", 1)
    for told, key in (("auto", "max_tokens"), ("max_completion_tokens", "max_completion_tokens")):
        config = loaded(spoken.replace("    model: small\n", f"    model: small\n    limit_key: {told}\n"), DRAFT_KEY="k")
        asked = Interpreter(accept("/v1/responses", "", responses), policy(config, frozenset())).body(Role.DRAFT)
        assert f'"{key}":99'.encode() in asked
