"""Plan `draft` where the draft need not be checked: Envoy carries the draft's answer to the client (SKIPPED) and we leave.

A draft that fails before its first byte never reaches the client: from there on it is a held response like those of a cascade.
"""

from __future__ import annotations

from extproc.core.commands import Command, Leave, PassResponse
from extproc.core.events import Event, ResponseHeaders
from extproc.core.paths.held import HeldPath
from extproc.core.paths.sent import Sent
from extproc.core.policy import Policy
from extproc.core.steps.forward import remember
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.provenance import Drafted


class DraftPath:
    """The response side of one exchange on plan `draft`."""

    def __init__(self, sent: Sent, policy: Policy, memory: RefusalMemory, drafted: Drafted) -> None:
        self._sent = sent
        self._policy = policy
        self._memory = memory
        self._drafted = drafted
        self._rescue: HeldPath | None = None

    def handle(self, event: Event) -> list[Command]:
        """Take one event."""
        if self._rescue is not None:
            return self._rescue.handle(event)
        if not isinstance(event, ResponseHeaders):
            return [Leave()]
        if 200 <= event.status < 300:
            self._memory.succeeded(self._sent.request)
            remember(self._sent.request, self._drafted, self._sent.note.turn)
            return [PassResponse(), Leave()]
        self._rescue = HeldPath(self._sent, self._policy, self._memory, self._drafted)
        return self._rescue.take_over(event)
