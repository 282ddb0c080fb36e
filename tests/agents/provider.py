"""A provider that knows the task, and takes nothing that a strict one would refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from extproc.core.vocabulary import Dialect
from extproc.simulator import ids
from extproc.simulator.answer import Content
from extproc.simulator.ask import Ask, RefusedError
from tests.agents.programs import Agent
from tests.support.strict import refusals


@dataclass
class StrictProvider:
    """The script of a simulated provider: it looks at each request as a strict one does, and answers as the task goes.

    `knows`: of the models of Chat Completions, as DeepSeek's: they want their thinking back.
    """

    answers: Callable[[Ask, bytes], Content]
    agent: Agent | None = None
    """Who is at work: what it says itself, in its own dialect, is not held against us."""
    asked: list[Dialect] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _signed: set[str] = field(default_factory=set)

    def begin(self, agent: Agent) -> None:
        """Forget what was, but not what was signed: the next one gets to work."""
        self.agent = agent
        self.asked.clear()
        self.refused.clear()

    def __call__(self, dialect: Dialect, ask: Ask, body: bytes) -> Content:
        """Refuse a request, or answer it."""
        self.asked.append(dialect)
        agent = self.agent
        excused = agent.newer if agent is not None and agent.dialect is dialect else ()
        refused = [one for one in refusals(dialect, body, signed=self._signed, thinking=True) if not one.startswith(excused)]
        self.refused += refused
        if refused:
            raise RefusedError(400, "; ".join(refused))
        self._signed |= {ids.opaque(ask.seed, "signature"), ids.opaque(ask.seed, "reasoning")}
        return self.answers(ask, body)
