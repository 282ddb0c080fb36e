"""A response that is ours from its first byte to its last, and the verify model's own answer as its content.

    RESCUING ──2xx──▶ ANSWERING ──▶ done     RESCUED (from a cascade also ENHANCED)
       │ └──refused──▶ REFUSED ───▶ done     FAILED, with verify's own error
       └──failed──────────────────▶ done     FAILED

The models are asked by side calls, so that whatever becomes of a call, the client's response stays ours (decision 7). Streamed and
whole answers differ in the intake, and in when the client's headers go out: at the first byte, or at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ClassVar

from msgspec.structs import replace

from extproc.core.answers import Began, Piece
from extproc.core.answers import Ended as Whole
from extproc.core.commands import Command, Pairs, Report, Watch
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, ClientLeft, Event, ResponseHeaders, ResponseTrailers
from extproc.core.paths.asking import Asking, CallEvent, Ended, Failed, Started, Told
from extproc.core.paths.closing import SLACK_S, STATUS_OF, message_in
from extproc.core.paths.intake import Item
from extproc.core.paths.release import Release
from extproc.core.paths.response import Response
from extproc.core.paths.sent import Sent
from extproc.core.policy import Policy
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.provenance import Drafted
from extproc.core.vocabulary import Outcome, Plan, Role, Usage


class State(Enum):
    """Where the model side stands."""

    DRAFTING = "drafting"
    JUDGING = "judging"
    SETTLING = "settling"
    RESCUING = "rescuing"
    ANSWERING = "answering"
    REFUSED = "refused"
    DONE = "done"


class HeldPath:
    """One exchange whose response is ours; by itself it rescues a draft that Envoy carried."""

    _served: ClassVar[Outcome] = Outcome.RESCUED
    """The outcome where verify answers the client's own question."""
    _turned_down: ClassVar[Outcome] = Outcome.FAILED
    """The outcome where verify refuses to."""

    def __init__(self, sent: Sent, policy: Policy, memory: RefusalMemory, drafted: Drafted, *, checked: bool = True) -> None:
        self._sent = sent
        self._policy = policy
        self._memory = memory
        self._drafted = drafted
        self._stream = sent.request.stream
        self._asking = Asking(sent, policy, drafted)
        spec = self._asking.spec
        held_id = f"resp_{sent.note.trace_id}" if self._asking.demands.stateless else ""
        self._response = Response(sent.note, spec, stream=self._stream, held_id=held_id, debug=policy.debug)
        text_flows = self._stream and sent.note.plan is Plan.DRAFT and (policy.stream_text or not checked)
        self._release = Release(spec.writer(sent.created_s, usage=self._asking.demands.wants_usage) if text_flows else None)
        self._state = State.RESCUING
        self._outcome = Outcome.FAILED
        self._now_s = sent.at_s
        self._held: list[bytes] = []
        """What came of the verify model's answer and has not gone out."""

    def take_over(self, event: ResponseHeaders) -> list[Command]:
        """Rescue a draft that Envoy carried and that failed before its first byte; its response is our placeholder."""
        self._now_s = event.at_s
        ledger = self._asking.ledger
        ledger.begin(Role.DRAFT, self._sent.note.model, self._sent.at_s)
        ledger.answered(Role.DRAFT, event.status)
        ledger.end(Role.DRAFT, event.at_s, Usage())
        self._asking.contents += self._sent.note.contents
        held = self._response.placeholder(event, self._left_s())
        return [*held, Watch(self._policy.keepalive_s / 4), *self._draft_failed(f"status_{event.status}", event.status)]

    def handle(self, event: Event) -> list[Command]:
        """Take one event. What a call has to say that is not the present one is of no interest any more."""
        self._now_s = event.at_s
        commands: list[Command] = []
        match event:
            case ResponseHeaders():
                return self._response.placeholder(event, self._left_s())
            case ResponseTrailers():
                self._response.trailers()
            case ClientLeft():
                return self._abandoned()
            case CallStarted() | CallData() | CallEnded() | CallFailed():
                commands = self._acted(event)
            case _:
                commands = self._waited()
        # Looked at four times in that time, so that it is kept whenever the last event came.
        waits = self._state in {State.DRAFTING, State.JUDGING, State.RESCUING}
        return commands or (self._response.keepalive(self._now_s, self._policy.keepalive_s * 3 / 4) if waits else [])

    def _acted(self, event: CallEvent) -> list[Command]:
        """Let the states act upon all that an event says; what it has left to say of a call that was replaced is dropped."""
        commands: list[Command] = []
        if event.role is not self._asking.role:
            return commands
        for told in self._asking.told(event):
            if isinstance(told, Item) and told.pieces and isinstance(told.pieces[0], Began):
                self._response.saw(told.pieces[0].id)
            commands += self._STATES[self._state](self, told)
            if event.role is not self._asking.role or self._state is State.DONE:
                break
        return commands

    # The verify model's own answer.

    def _draft_failed(self, why: str, status: int) -> list[Command]:
        self._asking.ledger.blame(Role.DRAFT, why)
        self._memory.failed(self._sent.request, status, self._now_s)
        return self._rescue(f"draft_{why}")

    def _rescue(self, *rules: str) -> list[Command]:
        """Ask the verify model the client's own question."""
        self._response.add(*rules)
        dropped = self._asking.dropped(self._now_s)
        call = self._asking.rescue(self._now_s)
        if call is None:
            self._response.add("over_budget")
            return [*dropped, *self._fail(504, "The draft model could not answer, and no budget is left for another call.")]
        self._state = State.RESCUING
        self._response.lost(self._asking.lost(Role.VERIFY))
        return [*dropped, call]

    def _rescuing(self, told: Told) -> list[Command]:
        match told:
            case Started() if told.good:
                return self._answer_begins(self._served)
            case Started():
                self._state = State.REFUSED
            case Failed():
                return self._verify_failed(told.kind)
        return []

    def _answer_begins(self, outcome: Outcome) -> list[Command]:
        """The verify model's answer is the client's; what was held of it is its beginning."""
        self._state, self._outcome = State.ANSWERING, outcome
        self._response.by(self._asking.verify_model)
        if not self._stream:
            return []
        asking, response = self._asking, self._response
        begun = [] if response.open else response.begin(asking.status, asking.headers, self._now_s, outcome)
        held, self._held = b"".join(self._held), []
        return [*begun, *response.send(held, self._now_s)]

    def _answering(self, told: Told) -> list[Command]:
        match told:
            case Item() if not self._stream:
                self._held.append(told.shown)
            case Item():
                shown = self._release.continued(told.pieces) if self._release.flowed else told.shown
                if self._held or says(told.pieces, Whole):
                    # A client may leave with the last event, so that goes out together with what is known then.
                    self._held.append(shown)
                    return []
                return self._response.send(shown, self._now_s)
            case Failed() if not (self._held and self._stream):
                return self._verify_failed(told.kind)
            case Ended() | Failed():
                return self._at_end()
        return []

    def _waited(self) -> list[Command]:
        """Nothing has happened for a while: a stream whose last event is here does not wait for its connection to end."""
        return self._at_end() if self._state is State.ANSWERING and self._stream and self._held else []

    def _at_end(self) -> list[Command]:
        """Close the response as the verify model's answer deserves it."""
        asking, answer = self._asking, self._asking.answer()
        if not answer.whole and not (self._stream and answer.error):
            return self._verify_failed("unfinished")
        if answer.error:
            asking.ledger.blame(Role.VERIFY, "error")
            self._response.add("verify_error")
        # An error event of the provider's own ends a stream as well as ours would.
        outcome = self._outcome if answer.whole else Outcome.FAILED
        return self._end(outcome, asking.status, asking.headers, b"".join(self._held))

    def _refused(self, told: Told) -> list[Command]:
        """The verify model's own error reaches the client as it is, as far as that is still possible."""
        asking, response = self._asking, self._response
        if not isinstance(told, Ended | Failed):
            return []
        why = f"status_{asking.status}"
        asking.ledger.blame(Role.VERIFY, why)
        response.add(f"verify_{why}")
        if response.open or isinstance(told, Failed):
            return self._fail(asking.status, message_in(asking.refusal) or self._no_answer(why))
        response.by(asking.verify_model)
        return self._end(self._turned_down, asking.status, asking.headers, asking.refused())

    def _verify_failed(self, why: str) -> list[Command]:
        self._asking.ledger.blame(Role.VERIFY, why)
        self._response.add(f"verify_{why}")
        broke_off = self._state is State.ANSWERING
        return self._fail(STATUS_OF.get(why, 502), f"The answer broke off ({why})." if broke_off else self._no_answer(why))

    def _no_answer(self, why: str) -> str:
        drafted = self._sent.note.plan is not Plan.DIRECT
        return (
            f"The draft model could not answer, nor the verify model in its place ({why})."
            if drafted
            else f"The model did not answer ({why})."
        )

    # The end.

    def _end(self, outcome: Outcome, status: int, headers: Pairs, body: bytes) -> list[Command]:
        self._state = State.DONE
        dropped = self._asking.dropped(self._now_s)
        self._response.captured(self._asking.contents)
        calls = self._asking.ledger.notes()
        return [*dropped, *self._response.end(outcome, calls, self._now_s, status=status, headers=headers, body=body)]

    def _fail(self, status: int, message: str) -> list[Command]:
        """No model could answer, or the answer broke off on its way."""
        self._state = State.DONE
        dropped = self._asking.dropped(self._now_s)
        self._response.captured(self._asking.contents)
        return [*dropped, *self._response.fail(status, message, self._asking.ledger.notes(), self._now_s)]

    def _left_s(self) -> float:
        """How long Envoy is to hold the response."""
        return max(0.0, self._policy.max_wall_s - (self._now_s - self._sent.at_s)) + SLACK_S

    def _abandoned(self) -> list[Command]:
        """The client has left; what its calls cost is known as far as their answers have told it."""
        self._asking.close(self._now_s, "cancelled")
        self._state = State.DONE
        self._response.captured(self._asking.contents)
        return [Report(replace(self._response.note, calls=self._asking.ledger.notes()))]

    _STATES: ClassVar[Mapping[State, Callable[[Any, Told], list[Command]]]] = {
        State.RESCUING: _rescuing,
        State.ANSWERING: _answering,
        State.REFUSED: _refused,
        State.DONE: lambda _, __: [],
    }


def says(pieces: list[Piece], kind: type[Piece]) -> bool:
    """Whether a piece of this kind is among these."""
    return any(isinstance(piece, kind) for piece in pieces)
