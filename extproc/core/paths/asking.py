"""The model side of a held exchange: which model is asked what, what its answer says so far, and what all calls cost.

One call counts at a time, the present one. `told` turns its events into what a state machine needs to hear.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from extproc.core.answers import Answer
from extproc.core.commands import Call, CancelCall, Command, Pairs
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.contract import Changes
from extproc.core.errors import MalformedError
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted
from extproc.core.paths.closing import JSON, message_in
from extproc.core.paths.intake import Intake, Item, intake_for
from extproc.core.paths.ledger import Ledger
from extproc.core.paths.sent import Sent
from extproc.core.paths.translated import TranslatedStream, TranslatedWhole
from extproc.core.policy import Policy
from extproc.core.records import Content
from extproc.core.steps.budget import Room, estimate, for_judging, room, tokens_in
from extproc.core.steps.check import check
from extproc.core.steps.content import answered, question
from extproc.core.steps.forward import disowned, end_to_end, remembering, shown_name
from extproc.core.steps.judge import instruction
from extproc.core.steps.provenance import Drafted
from extproc.core.steps.tracing import call_header
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import Role, Usage
from extproc.core.wire.edit import parsed

_LONGEST_REFUSAL = 1 << 20
"""Bytes of an error's body; more than any provider writes."""

CallEvent = CallStarted | CallData | CallEnded | CallFailed


class Started(msgspec.Struct, frozen=True, gc=False):
    """The present call has a status."""

    status: int

    @property
    def good(self) -> bool:
        """Whether an answer follows, and not an error."""
        return 200 <= self.status < 300


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The present call has ended as it should."""


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The present call has failed, or its answer cannot be read."""

    kind: str


Told = Started | Item | Ended | Failed


class Asking:
    """Makes the calls of one request."""

    def __init__(self, sent: Sent, policy: Policy, drafted: Drafted) -> None:
        self._sent = sent
        self._policy = policy
        self._drafted = drafted
        self._speaker = sent.speaker or Interpreter(sent.request, policy)
        self.spec = DIALECTS[sent.request.dialect]
        self.demands = self.spec.demands(parsed(sent.request.body)[1])
        self.ledger = Ledger(sent.at_s, policy.prices)
        self.role = Role.DRAFT
        self.status = 0
        """Status and headers of the present call."""
        self.headers: Pairs = []
        self.refusal = b""
        """Body of the present call where its status is an error's."""
        self.capturing = sent.note.trace is not None and sent.note.trace.content
        self.contents: list[Content] = []
        """What the calls were asked and have answered, where that is to be told."""
        self._intake: Intake | None = None
        self._size = 0

    # Questions.

    def draft(self, now_s: float) -> Call:
        """Ask the draft model the client's own question."""
        policy, speaker, request = self._policy, self._speaker, self._sent.request
        model = speaker.model(Role.DRAFT)
        if speaker.translates(Role.DRAFT):
            body = speaker.body(Role.DRAFT)
        else:
            manner = speaker.manner(Role.DRAFT)
            body = remembering(request.dialect, disowned(Role.DRAFT, request.dialect, request.body, manner, self._drafted), manner)
            body = self.spec.changed(body, Changes(model=model, tell_usage=True))
        return self._call(Role.DRAFT, model, body, policy.draft_timeout_s, min(policy.draft_wall_s, policy.max_wall_s), now_s)

    def judge(self, draft: Answer, now_s: float) -> Call | None:
        """Ask the verify model what it thinks of a draft; None where no budget is left."""
        said = instruction(self._policy.instruction, draft, self._sent.fence)
        given = self._room(self._reads(draft.usage) + tokens_in(len(said.encode(errors="replace"))), now_s)
        return None if given is None else self._verify(given, for_judging(given, self._policy, self.demands), now_s, said)

    def rescue(self, now_s: float) -> Call | None:
        """Ask the verify model the client's own question, byte for byte as far as budgets allow; None where none is left."""
        given = self._room(self._reads(self.answer().usage), now_s)
        return None if given is None else self._verify(given, given.max_tokens, now_s)

    def direct(self, now_s: float) -> Call:
        """Ask the verify model the client's own question, as the client would have done without us."""
        return self._verify(Room(self._policy.max_wall_s, None), None, now_s)

    @property
    def verify_model(self) -> str:
        """The verify model's name, as it may be shown."""
        return shown_name(self._speaker.model(Role.VERIFY))

    def _verify(self, given: Room, max_tokens: int | None, now_s: float, said: str = "") -> Call:
        speaker, request = self._speaker, self._sent.request
        model = speaker.model(Role.VERIFY)
        if speaker.translates(Role.VERIFY):
            body = speaker.body(Role.VERIFY, said=said, max_tokens=max_tokens)
        else:
            body = self.spec.extended(request.body, said) if said else request.body
            manner = speaker.manner(Role.VERIFY)
            body = remembering(request.dialect, disowned(Role.VERIFY, request.dialect, body, manner, self._drafted), manner)
            changes = Changes(None if model == request.model else model, max_tokens, tell_usage=bool(said))
            body = self.spec.changed(body, changes)
        return self._call(Role.VERIFY, model, body, self._policy.verify_timeout_s, given.seconds, now_s)

    def _call(self, role: Role, model: str, body: bytes, silence_s: float, wall_s: float, now_s: float) -> Call:
        self.role, self.status, self.headers, self.refusal, self._intake = role, 0, [], b"", None
        self.ledger.begin(role, shown_name(model), now_s, str(self._speaker.into(role)))
        self._size = len(body)
        if self.capturing:
            self.contents.append(question(self._speaker.into(role), body))
        path, headers = self._sent.path, end_to_end(self._sent.headers)
        if self._speaker.translates(role):
            path, headers = self._speaker.path(role), self._speaker.headers(role, self._sent.headers)
        return Call(role, path, self._traced(headers), body, silence_s, wall_s)

    def _traced(self, headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Let what becomes of the present call stand below its span."""
        note = self._sent.note
        if note.trace is None:
            return headers
        header = call_header(note.trace_id, note.trace, self.ledger.calls)
        return [*[pair for pair in headers if pair[0] != "traceparent"], ("traceparent", header)]

    def _reads(self, known: Usage | None) -> int:
        return tokens_in(len(self._sent.request.body), known)

    def _room(self, reads: int, now_s: float) -> Room | None:
        elapsed_s, ledger = now_s - self._sent.at_s, self.ledger
        return room(self._policy, self.demands, reads, calls=ledger.calls, elapsed_s=elapsed_s, spent_usd=ledger.spent_usd)

    # Answers.

    def told(self, event: CallEvent) -> Iterator[Told]:
        """Take in what an event of the present call brings, and keep the books."""
        try:
            match event:
                case CallStarted():
                    yield self._started(event)
                case CallData():
                    self.ledger.came(event.role, event.at_s)
                    if self._intake is None:
                        self._refused(event.data)
                    else:
                        yield from self._intake.feed(event.data)
                case CallEnded():
                    if self._intake is not None:
                        yield from self._intake.finish()
                    self.close(event.at_s)
                    yield Ended()
                case CallFailed():
                    self.close(event.at_s, event.kind)
                    yield Failed(event.kind)
        except MalformedError as error:
            yield Failed(error.kind)

    def _started(self, event: CallStarted) -> Started:
        self.ledger.answered(event.role, event.status, event.began_s)
        self.status = event.status
        self.headers = end_to_end(event.headers)
        started = Started(event.status)
        if started.good:
            # An answer is passed on inflated, an error as it came.
            self.headers = [pair for pair in self.headers if pair[0] != "content-encoding"]
            self._intake = self._taken_in(event)
        elif self._speaker.translates(event.role):
            self.headers = [*[pair for pair in self.headers if pair[0] not in {"content-encoding", "content-type"}], *JSON]
        return started

    def _taken_in(self, event: CallStarted) -> Intake:
        """Begin to take an answer in, in whatever dialect it comes."""
        stream, usage, speaker = self._sent.request.stream, self.demands.wants_usage, self._speaker
        if not speaker.translates(event.role):
            return intake_for(self.spec, event.headers, stream=stream, usage=usage)
        inner = intake_for(DIALECTS[speaker.into(event.role)], event.headers, stream=stream, usage=True)
        seed, created_s, size = self._sent.note.trace_id, self._sent.created_s, self._size
        if not stream:
            return TranslatedWhole(inner, speaker.crossing(), self.spec, seed, created_s)
        return TranslatedStream(inner, speaker.crossing(), self.spec, seed, created_s, lambda answer: estimate(size, answer), usage=usage)

    def lost(self, role: Role) -> tuple[str, ...]:
        """Name what of the request a model is not told, or not as it is."""
        return self._speaker.lost(role)

    def refused(self) -> bytes:
        """Give the body of the present call's error in the client's dialect; the provider's own bytes where it speaks that."""
        if not self._speaker.translates(self.role):
            return self.refusal
        return self.spec.error(self.status, message_in(self.refusal) or f"The model answered with status {self.status}.")

    def _refused(self, data: bytes) -> None:
        self.refusal += data
        if len(self.refusal) > _LONGEST_REFUSAL:
            raise MalformedError("too_large")

    def failed_checks(self, draft: Answer) -> tuple[str, ...]:
        """Hold a draft against what the client asked for; gives the names of the checks that it fails."""
        view = self._sent.request.view
        return check(draft, self.demands, self._policy.checks_off, attached=view.images + view.documents > 0)

    def answer(self) -> Answer:
        """Give what the present call has said so far."""
        return self._intake.answer() if self._intake else Answer()

    @property
    def running(self) -> bool:
        """Whether the present call has not ended yet."""
        return self.ledger.is_open(self.role)

    def close(self, now_s: float, error: str = "") -> None:
        """Enter the end of the present call into the books."""
        if self.running:
            answer = self.answer()
            # What broke off before it told its tokens was paid for all the same; an error was not.
            usage = answer.usage or (estimate(self._size, answer) if self._intake else Usage())
            self.ledger.end(self.role, now_s, usage, error, finish=str(answer.stop or ""), model=shown_name(answer.model))
            if self.capturing:
                self.contents[-1] = answered(self.contents[-1], answer)

    def dropped(self, now_s: float) -> list[Command]:
        """Drop the present call, where it still runs."""
        if not self.running:
            return []
        self.close(now_s)
        return [CancelCall(self.role)]
