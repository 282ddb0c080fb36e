"""Mode `shadow`: what the cascade would have made of a request that the verify model answers alone.

    DRAFT ──passed──▶ VERIFY ──▶ compared
      └──failed, or a check failed──▶ compared

The client's answer has nothing to do with this. The draft is made and checked as it would have been, and then judged whatever the
plan: the verdict tells whether an answer that nobody would have judged (SKIPPED) had been good enough. No rescue is called for, as
it would be the very call that the client is being answered by. Neither memory is written to: no client has seen the draft.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from extproc.core.answers import Answer, pieces_of
from extproc.core.books import spent
from extproc.core.commands import Call, Command, Compared
from extproc.core.money import usd
from extproc.core.paths.asking import Asking, CallEvent, Ended, Failed, Started
from extproc.core.paths.judgement import Judgement
from extproc.core.paths.sent import Sent
from extproc.core.policy import Policy, Price
from extproc.core.records import CallNote, Comparison
from extproc.core.steps.judge import Ruling
from extproc.core.steps.plan import can_be_checked, can_be_judged
from extproc.core.steps.provenance import Drafted
from extproc.core.steps.similarity import similarity
from extproc.core.steps.tracing import apart
from extproc.core.vocabulary import Outcome, Plan, Role


class ShadowPath:
    """The cascade beside one request. Takes the events of its calls; ends with `Compared`."""

    def __init__(self, sent: Sent, policy: Policy, drafted: Drafted) -> None:
        """Begin; the plan that would have been is the one that the note says was wanted."""
        self._sent = sent
        self._policy = policy
        self._tried = apart(sent.note)
        self._asking = Asking(replace(sent, note=self._tried), policy, drafted)
        self._plan = sent.note.wanted or Plan.DIRECT
        self._draft = Answer()
        self._checks: tuple[str, ...] = ()
        self._done = False

    def begin(self, at_s: float) -> Call:
        """Ask the draft model."""
        return self._asking.draft(at_s)

    def handle(self, event: CallEvent) -> list[Command]:
        """Take one event of a call."""
        if self._done or event.role is not self._asking.role:
            return []
        for told in self._asking.told(event):
            match told:
                case Started() if not told.good:
                    return self._call_over(f"status_{told.status}", event.at_s)
                case Failed():
                    return self._call_over(told.kind, event.at_s)
                case Ended():
                    return self._call_over("error" if self._asking.answer().error else "", event.at_s)
        return []

    def _call_over(self, why: str, now_s: float) -> list[Command]:
        """The present call has given what it has; `why` it failed, or nothing."""
        dropped, answer = self._asking.dropped(now_s), self._asking.answer()
        drafting = self._asking.role is Role.DRAFT
        return [*dropped, self._drafted(answer, why, now_s) if drafting else self._judged(answer, why)]

    def _drafted(self, answer: Answer, why: str, now_s: float) -> Command:
        """Hold the draft against the checks, and have it judged. A draft that would have gone out unchecked is judged in any case."""
        asking, view = self._asking, self._sent.request.view
        held = self._plan is Plan.CASCADE or can_be_checked(view)
        if why:
            asking.ledger.blame(Role.DRAFT, why)
            # What flows to the client as it comes cannot be rescued any more once it has begun.
            begun = 200 <= asking.status < 300
            return self._compared(Outcome.FAILED if begun and not held else Outcome.RESCUED, f"draft_{why}")
        self._draft = answer
        self._checks = asking.failed_checks(answer)
        if self._checks and held:
            asking.ledger.blame(Role.DRAFT, self._checks[0])
            return self._compared(Outcome.RESCUED, *[f"check_{name}" for name in self._checks])
        if not can_be_judged(view):
            return self._compared(Outcome.SKIPPED, "cannot_be_judged")
        return asking.judge(answer, now_s) or self._compared(self._planned(Outcome.FALLBACK), "over_budget")

    def _judged(self, answer: Answer, why: str) -> Command:
        ruling = ruled(answer)
        if ruling is Ruling.ACCEPT:
            return self._compared(self._planned(Outcome.ACCEPTED), verdict="accepted", alike=1.0)
        if ruling is Ruling.IMPROVED and answer.whole:
            alike = similarity(self._draft, answer)
            return self._compared(self._planned(Outcome.ENHANCED), verdict="improved", alike=alike)
        why = why or "unfinished"
        self._asking.ledger.blame(Role.VERIFY, why)
        # An improved answer that has begun would have broken off before the client's eyes.
        outcome = Outcome.FAILED if ruling is Ruling.IMPROVED else Outcome.FALLBACK
        return self._compared(self._planned(outcome), f"verify_{why}", verdict="failed")

    def _planned(self, outcome: Outcome) -> Outcome:
        """The outcome of a judgement, or of none where the plan would have asked for none."""
        return outcome if self._plan is Plan.CASCADE else Outcome.SKIPPED

    def _compared(self, outcome: Outcome, *rules: str, verdict: str = "", alike: float | None = None) -> Compared:
        self._done = True
        note, calls = self._sent.note, self._asking.ledger.notes()
        rescued = outcome in {Outcome.RESCUED, Outcome.FAILED}
        baseline = None if rescued else _baseline(outcome, calls, self._policy.prices.get(Role.VERIFY))
        # Nobody would have judged the draft of a plan `draft`.
        would = spent(calls if self._plan is Plan.CASCADE else calls[:1])
        # The verify model's answer to the client's own question is paid for with or without a draft in vain.
        alone = 0 if rescued else baseline
        return Compared(
            Comparison(
                at=self._sent.created_s,
                trace_id=note.trace_id,
                dialect=note.dialect,
                turn=note.turn,
                score=note.score,
                rules=(*note.rules, *rules),
                requested_model=note.requested_model,
                plan=self._plan,
                outcome=outcome,
                verdict=verdict,
                checks=self._checks,
                similarity=alike,
                cost_usd=_usd(spent(calls)),
                would_cost_usd=_usd(would),
                baseline_usd=_usd(baseline),
                saved_usd=None if alone is None or would is None else usd(alone - would),
                calls=calls,
                policy=note.policy,
                team=note.team,
            ),
            replace(self._tried, calls=calls, contents=tuple(self._asking.contents)),
            note.trace.span_id if note.trace and note.trace.kept else "",
        )


def ruled(answer: Answer) -> Ruling:
    """Say what a verify model's answer makes of the draft, as far as it came. Thinking says nothing; a call is an answer of its own."""
    judgement = Judgement()
    ruling = judgement.heard(pieces_of(answer))
    return judgement.final(whole=answer.whole) if ruling is Ruling.UNDECIDED else ruling


def _usd(amount: int | None) -> float | None:
    return None if amount is None else usd(amount)


def _baseline(outcome: Outcome, calls: Sequence[CallNote], price: Price | None) -> int | None:
    """What the verify model alone would have cost: the conversation as the draft model counted it, and the answer that won."""
    conversation, answer = calls[0].usage, calls[-1 if outcome is Outcome.ENHANCED else 0].usage
    if price is None or conversation is None or answer is None:
        return None
    return price.cost(replace(conversation, output=answer.output))
