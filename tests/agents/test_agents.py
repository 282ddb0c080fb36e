"""Real agents do a whole task through a real Envoy, and notice nothing: on each plan, before models of every dialect, with thinking.

Claude Code speaks Messages, Codex Responses, Qwen Code Chat Completions. `make test-agents` installs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from extproc.core.steps.policies import fingerprint
from tests.agents.installation import AbsentError, modules
from tests.agents.programs import AGENTS, Agent
from tests.agents.provider import StrictProvider
from tests.agents.task import AFTER, FINAL, PROMPT, drafted, files_in, laid_out, verified
from tests.support.pair import Pair, pair
from tests.support.system import until

pytestmark = [pytest.mark.agents, pytest.mark.timeout(180)]

DRAFTS = {"anthropic": "claude-haiku-4-5", "openai_chat": "deepseek-chat", "openai_responses": "gpt-5-mini"}
VERIFIES = {"anthropic": "claude-opus-4-8", "openai_chat": "deepseek-v4-pro", "openai_responses": "gpt-5.5"}
PAIRS = [None, ("openai_chat", "anthropic"), ("anthropic", "openai_responses"), ("openai_responses", "openai_chat")]
"""Dialects of draft and verify model; None: both speak all. So each agent meets models of all dialects in both roles."""
SPEAKING = [pytest.param(two, id=(name := "-".join(two) if two else "own"), marks=pytest.mark.xdist_group(name)) for two in PAIRS]
ROUTER = {
    "direct_above": 1.0,
    "refusal_memory_s": 0.001,
    "rules": {
        "quick_road": {"weight": -1, "words": ["quick road"]},
        "expert_road": {"weight": 1, "words": ["expert road"]},
        "thinking": 0.2,
    },
}
HELD: dict[str, Any] = {"first_token_s": 0.25, "verify": {"keepalive_s": 0.1}}
"""Agents hear signs of life in every answer that is held."""
POLICIES = [{"name": "careful", "match": {"key": [fingerprint("a-key-for-careful", b"cascade")]}, "set": {"plan": "cascade"}}]
OUTCOMES = {
    "quick": ["DIRECT", "SKIPPED", "RESCUED", "SKIPPED"],
    "careful": ["ACCEPTED", "ENHANCED", "ACCEPTED", "ACCEPTED"],
    "expert": ["DIRECT"] * 4,
}
"""Road → how the turns of the task end. The first is a new instruction, which no rule but only a policy lets the draft model answer."""
RECALLED = {"quick": (1, 1), "careful": (2, 1), "expert": (0, 3)}
"""Road → answers of their own whose thinking draft and verify find again in their last request, where they speak the agent's dialect."""


@dataclass(frozen=True)
class Gateway:
    """A running system before two strict providers."""

    running: Pair
    draft: StrictProvider
    verify: StrictProvider

    def new_decisions(self, before: set[str], expected: int) -> list[dict[str, Any]]:
        """Wait for the records of a run, oldest first."""

        def new() -> list[dict[str, Any]]:
            return [one for one in self.running.system.decisions() if one["trace_id"] not in before]

        until(lambda: len(new()) >= expected and self.running.is_idle())
        return new()[::-1]


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    try:
        modules()
    except AbsentError as absent:
        pytest.fail(str(absent), pytrace=False)


@pytest.fixture(scope="module", params=SPEAKING)
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    draft, verify = StrictProvider(drafted), StrictProvider(verified)
    draft_more, verify_more = (_named(names, spoken) for names, spoken in zip((DRAFTS, VERIFIES), request.param or ("", ""), strict=True))
    more: dict[str, Any] = {"draft_more": draft_more, "verify_more": verify_more, **HELD, "router": ROUTER, "policies": POLICIES}
    with pair(tmp_path_factory.mktemp("system"), speaking=request.param, scripts=(draft, verify), **more) as running:
        yield Gateway(running, draft, verify)


def _named(names: dict[str, str], spoken: str) -> dict[str, Any]:
    """Give a model its name, in the dialect that it speaks or in each of them."""
    if spoken in names:
        return {"model": names[spoken]}
    return {"model": names["anthropic"], "dialects": {name: {"model": names[name]} for name in names if name != "anthropic"}}


@pytest.mark.parametrize("road", OUTCOMES)
@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_a_task(gateway: Gateway, tmp_path: Path, agent: Agent, road: str):
    work = laid_out(tmp_path / "work")
    for provider in (gateway.draft, gateway.verify):
        provider.begin(agent)
    before = {one["trace_id"] for one in gateway.running.system.decisions()}
    ended = agent.run(gateway.running.system.url, f"a-key-for-{road}", work, PROMPT.format(folder=work, road=road))
    assert (gateway.draft.refused, gateway.verify.refused) == ([], [])
    assert (ended.code, FINAL in ended.output) == (0, True), ended
    decisions = gateway.new_decisions(before, len(OUTCOMES[road]))
    assert [one["outcome"] for one in decisions] == OUTCOMES[road], decisions
    for provider, recalled in zip((gateway.draft, gateway.verify), RECALLED[road], strict=True):
        assert provider.recalled == (recalled if provider.signs else 0)
    assert files_in(work) == AFTER, ended
