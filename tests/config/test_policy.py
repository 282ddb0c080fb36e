from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.config.load import ConfigError
from extproc.config.model import Config
from extproc.config.policy import policy
from extproc.core.vocabulary import Dialect, Mode

KNOWN = {"code_block", "stack_trace"}
Loaded = Callable[..., Config]


def test_the_core_gets_what_it_decides_by(loaded: Loaded, minimal: str) -> None:
    text = minimal.replace("DRAFT_KEY\n", "DRAFT_KEY\n    dialects: {openai_chat: {model: smaller}}\n") + (
        "mode: shadow\nshadow_sample: 0.5\n"
        "router:\n  {skip_below: 0.1, direct_above: 0.7, refusal_memory_s: 9, "
        "rules: {code_block: 0.5, own: {weight: -0.2, words: [a, b c]}}}\n"
        "verify: {timeout_s: 7}\nbudget: {max_calls: 2, max_wall_s: 11}\n"
    )
    found = policy(loaded(text), KNOWN)
    assert (found.mode, found.shadow_sample) == (Mode.SHADOW, 0.5)
    assert (found.skip_below, found.direct_above) == (0.1, 0.7)
    assert found.weights == {"code_block": 0.5, "own": -0.2}
    assert found.keywords == {"own": ("a", "b c")}
    assert found.draft_models == {Dialect.ANTHROPIC: "small", Dialect.OPENAI_CHAT: "smaller"}
    assert found.verify_models == {Dialect.ANTHROPIC: None}
    assert (found.verify_timeout_s, found.max_wall_s, found.max_calls, found.refusal_memory_s) == (7, 11, 2, 9)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("code_blocks: 1", "no built-in rule has this name; did you mean `code_block`?"),
        ("zzz: 1", "no built-in rule has this name; known here: code_block, stack_trace"),
        ("code_block: {weight: 1, words: [a]}", "a built-in rule has this name; give a number for its weight, or choose another name"),
    ],
)
def test_a_rule_by_the_wrong_name(loaded: Loaded, minimal: str, rule: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(loaded(f"{minimal}router:\n  rules:\n    {rule}\n"), KNOWN)
    assert [(problem.line, problem.key, problem.message) for problem in caught.value.problems] == [
        (13, f"router.rules.{rule.split(':')[0]}", message)
    ]
