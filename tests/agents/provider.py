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

    Its models of Chat Completions are like DeepSeek's: they refuse calls without the thinking before them.
    """

    answers: Callable[[Ask, bytes], Content]
    agent: Agent | None = None
    """Who is at work: what it says itself, in its own dialect, is not held against us."""
    asked: Dialect | None = None
    """The dialect of the newest request."""
    recalled: int = 0
    """Earlier answers whose thinking, signed here, is in the newest request."""
    refused: list[str] = field(default_factory=list)
    _signed: set[str] = field(default_factory=set)

    def begin(self, agent: Agent) -> None:
        """Forget what was, but not what was signed: the next one gets to work."""
        self.agent, self.asked, self.recalled = agent, None, 0
        self.refused.clear()

    @property
    def signs(self) -> bool:
        """Whether what it signs is of use to it: the agent speaks its dialect, and that has signatures."""
        return self.agent is not None and self.agent.dialect is self.asked is not Dialect.OPENAI_CHAT

    def __call__(self, dialect: Dialect, ask: Ask, body: bytes) -> Content:
        """Refuse a request, or answer it."""
        self.asked, self.recalled = dialect, sum(one.encode() in body for one in self._signed)
        agent = self.agent
        excused = agent.newer if agent is not None and agent.dialect is dialect else ()
        try:
            refused = [one for one in refusals(dialect, body, signed=self._signed, thinking=True) if not one.startswith(excused)]
            if refused:
                raise RefusedError(400, "; ".join(refused))
            said = self.answers(ask, body)
        except Exception as error:
            self.refused.append(str(error))
            raise error if isinstance(error, RefusedError) else RefusedError(400, repr(error)) from None
        self._signed |= {ids.opaque(ask.seed, "signature"), ids.opaque(ask.seed, "reasoning")}
        return said
