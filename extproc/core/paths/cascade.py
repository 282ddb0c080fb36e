"""Plan `cascade`, and plan `draft` where the draft is checked or translated.

DRAFTING ──passed, plan draft───────────────────────────▶ done     SKIPPED
│  └────passed──▶ JUDGING ──accept──▶ SETTLING ──────▶ done     ACCEPTED
│                    │ └────improved──▶ ANSWERING ───▶ done     ENHANCED
│                    └──failed───────────────────────▶ done     FALLBACK
└──failed, or a check failed──▶ RESCUING …                      (held.py)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from extproc.core.answers import Answer, Erred, Stop
from extproc.core.commands import Command, Pairs, Watch
from extproc.core.paths.asking import Ended, Failed, Started, Told
from extproc.core.paths.closing import STATUS_OF
from extproc.core.paths.held import HeldPath, State, says
from extproc.core.paths.intake import Item
from extproc.core.paths.judgement import Judgement
from extproc.core.paths.sent import Sent
from extproc.core.policy import Policy
from extproc.core.steps.forward import remember
from extproc.core.steps.judge import Ruling
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.provenance import Drafted
from extproc.core.vocabulary import Outcome, Plan, Role

_SETTLE_ITEMS = 40
"""Events of an acceptance that are waited for, as its usage comes last; a model that chatters on is cut off."""


class CascadePath(HeldPath):
    """A held response that begins with a draft."""

    def __init__(self, sent: Sent, policy: Policy, memory: RefusalMemory, drafted: Drafted, *, checked: bool = True) -> None:
        """Begin. `checked`: a draft of plan `draft` is held until it has passed; else it flows (it is held only to be translated)."""
        super().__init__(sent, policy, memory, drafted, checked=checked)
        self._checked = checked or sent.note.plan is Plan.CASCADE
        self._state = State.DRAFTING
        self._judgement = Judgement()
        self._settled = 0
        self._draft: tuple[Answer, Pairs] = (Answer(), [])

    def begin(self, at_s: float) -> list[Command]:
        """Ask the draft model."""
        self._now_s = at_s
        self._response.lost(self._asking.lost(Role.DRAFT))
        return [self._asking.draft(at_s), Watch(self._policy.keepalive_s / 4)]

    # The draft.

    def _drafting(self, told: Told) -> list[Command]:
        asking = self._asking
        match told:
            case Started() if told.good:
                return self._response.begin(asking.status, asking.headers, self._now_s) if self._stream else []
            case Started():
                return self._draft_failed(f"status_{told.status}", told.status)
            case Failed():
                return self._draft_failed(told.kind, STATUS_OF.get(told.kind, 502))
            case Item() if says(told.pieces, Erred):
                return self._draft_failed("error", 502)
            case Item():
                return self._response.send(self._release.take(told), self._now_s)
        return self._drafted_whole()

    def _drafted_whole(self) -> list[Command]:
        """Hold the draft against the checks, and have it judged where the plan asks for it."""
        asking, answer = self._asking, self._asking.answer()
        if not answer.whole:
            return self._draft_failed("unfinished", 502)
        if failed := asking.failed_checks(answer) if self._checked else ():
            asking.ledger.blame(Role.DRAFT, failed[0])
            return self._rescue(*[f"check_{name}" for name in failed])
        self._memory.succeeded(self._sent.request)
        self._draft = (answer, asking.headers)
        if self._response.note.plan is Plan.DRAFT:
            return self._end_with_draft(Outcome.SKIPPED)
        self._response.lost(asking.lost(Role.VERIFY))
        call = asking.judge(answer, self._now_s)
        if call is None:
            self._response.add("over_budget")
            return self._end_with_draft(Outcome.FALLBACK)
        self._state = State.JUDGING
        return [call]

    def _end_with_draft(self, outcome: Outcome) -> list[Command]:
        """The draft goes to the client, and its question is remembered: what it has signed must not go to another provider."""
        remember(self._sent.request, self._drafted, self._sent.note.turn)
        self._response.by(self._sent.note.model)
        return self._end(outcome, 200, self._draft[1], self._release.rest())

    # The judgement.

    def _judging(self, told: Told) -> list[Command]:
        match told:
            case Started():
                return [] if told.good else self._fall_back(f"status_{told.status}")
            case Failed():
                return self._fall_back(told.kind)
            case Item() if says(told.pieces, Erred):
                return self._fall_back("error")
            case Item():
                self._held.append(told.shown)
                return self._ruled(self._judgement.heard(told.pieces))
        ruling = self._judgement.final(whole=self._asking.answer().whole)
        if ruling is Ruling.UNDECIDED:
            return self._fall_back("unfinished")
        return [*self._ruled(ruling), *self._STATES[self._state](self, told)]

    def _ruled(self, ruling: Ruling) -> list[Command]:
        if ruling is Ruling.IMPROVED:
            return self._answer_begins(Outcome.ENHANCED)
        if ruling is Ruling.ACCEPT:
            self._state = State.SETTLING
            return self._response.send(self._release.but_last(), self._now_s) if self._stream else []
        return []

    def _settling(self, told: Told) -> list[Command]:
        """The draft is out but for its last event; what comes yet of the acceptance is its usage."""
        self._settled += 1
        over = isinstance(told, Ended | Failed) or self._settled > _SETTLE_ITEMS
        return self._end_with_draft(Outcome.ACCEPTED) if over else []

    def _waited(self) -> list[Command]:
        return self._end_with_draft(Outcome.ACCEPTED) if self._state is State.SETTLING else super()._waited()

    def _fall_back(self, why: str) -> list[Command]:
        """The verify model could not say anything: the draft, which has passed its checks, is the best answer in hand."""
        self._asking.ledger.blame(Role.VERIFY, why)
        self._response.add(f"verify_{why}")
        return self._end_with_draft(Outcome.FALLBACK)

    # An improvement of which nothing has gone out can still be given up.

    def _at_end(self) -> list[Command]:
        cut = self._asking.answer().stop is Stop.LENGTH
        return self._fall_back("length") if cut and self._can_fall_back else super()._at_end()

    def _verify_failed(self, why: str) -> list[Command]:
        return self._fall_back(why) if self._can_fall_back else super()._verify_failed(why)

    @property
    def _can_fall_back(self) -> bool:
        return self._outcome is Outcome.ENHANCED and not self._response.open

    _STATES: ClassVar[Mapping[State, Callable[[Any, Told], list[Command]]]] = {
        **HeldPath._STATES,  # noqa: SLF001 - a class extends its own table
        State.DRAFTING: _drafting,
        State.JUDGING: _judging,
        State.SETTLING: _settling,
    }
