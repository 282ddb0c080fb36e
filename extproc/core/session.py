"""One HTTP exchange as a state machine: `handle(event)` gives commands. Pure: time and ids arrive from outside.

    OPEN ──RequestHeaders──▶ BODY ──RequestBody──▶ DONE      plan direct or bypass: the exchange goes on without us
      │                                    └─────▶ PATH      plan draft or cascade: a path sees the response (core.paths)
      └──(probe, no body)──▶ DONE

The phase table below is the whole of it; after an event that a phase does not know, Envoy carries on without us (fail open).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar

from msgspec.structs import replace

from extproc.core.commands import AwaitBody, Command, Forward, Leave, Reply
from extproc.core.dialects import DIALECTS
from extproc.core.errors import UnreadableError
from extproc.core.events import Event, Headers, RequestBody, RequestHeaders
from extproc.core.paths.cascade import CascadePath
from extproc.core.paths.closing import JSON, refusal, spent_out
from extproc.core.paths.direct import DirectPath
from extproc.core.paths.draft import DraftPath
from extproc.core.paths.sent import Sent
from extproc.core.policy import Policy
from extproc.core.records import Note, Trace
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import classify
from extproc.core.steps.content import question
from extproc.core.steps.counting import tokens
from extproc.core.steps.forward import body_for, body_to, shown_name
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.plan import OFF, SHADOWED, SPENT, plan
from extproc.core.steps.policies import Facts, Rule, Spent, asked_plan, chosen, team_of
from extproc.core.steps.provenance import Drafted, Fingerprints
from extproc.core.steps.sampling import sampled
from extproc.core.steps.tracing import Sampling, begun, origin
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import (
    COUNT_PATH,
    PATH_OF,
    PATHS,
    PROBE_ANSWER,
    PROBES,
    TRACER_HEADER,
    Decision,
    Dialect,
    Mode,
    Outcome,
    Plan,
    Request,
    Role,
    Word,
)
from extproc.core.wire.traceparent import Place

_NONE = Headers([])


class Phase(Word):
    """How far an exchange has come."""

    OPEN = "open"
    BODY = "body"
    PATH = "path"
    DONE = "done"


# By names of their own: on Python 3.11, to look a member up in its class costs as much as a call.
_OPEN, _BODY, _PATH, _DONE = Phase
_DRAFT, _VERIFY = Role


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all exchanges of one process share."""

    policy: Policy
    memory: RefusalMemory
    drafted: Drafted = field(default_factory=lambda: Fingerprints(b""))
    secret: bytes = b""
    """Key of tokens that no model can guess; up to 64 bytes."""
    unix_offset_s: float = 0.0
    """What to add to an event's time to get Unix time."""
    sampling: Sampling | None = None
    """Which requests are traced; None where nobody takes our spans."""
    capture_content: bool = False
    """Their spans tell what was asked and answered."""
    policies: Sequence[Rule] = ()
    """Other policies, and when they apply; the first that does is taken."""
    salt: bytes = b""
    """Key of the fingerprints of API keys."""
    spent: Callable[[str, float], Spent] = lambda _, __: Spent()
    """Says what a team has spent on the day of a Unix time (UTC)."""


class Session:
    """The exchange of one request. Not shared, not reused."""

    def __init__(self, around: Surroundings, new_trace_id: str, new_span_id: str = "", given: Place | None = None) -> None:
        """Begin an exchange.

        Args:
            around: What it shares with others.
            new_trace_id: Names it unless the client brings a trace of its own.
            new_span_id: Of its root span; unless it is sampled, there will be none.
            given: Envoy's span, which the exchange stands below.
        """
        self.phase = _OPEN
        self.shadowed: Sent | None = None
        """What was forwarded, where the cascade is to be tried beside it."""
        self._around = around
        self._policy = around.policy
        self._team = ""
        self._trace_id = new_trace_id
        self._span_id = new_span_id
        self._given = given
        self._trace: Trace | None = None
        self._headers = _NONE
        self._target = ""
        self._began_s = 0.0
        self._path: DraftPath | CascadePath | DirectPath | None = None

    def handle(self, event: Event) -> list[Command]:
        """Take one event, give the commands that answer it. Never raises on what a client or an upstream sends."""
        if self.phase is _DONE:
            return []
        step = self._TABLE.get((self.phase, type(event))) or self._TABLE.get((self.phase, None))
        commands: list[Command] = step(self, event) if step else [Leave()]
        if commands and isinstance(commands[-1], Leave):
            self.phase = _DONE
        return commands

    def _request_headers(self, event: RequestHeaders) -> list[Command]:
        self._headers = event.headers
        self._target = event.headers.get(":path")
        self._began_s = event.at_s
        before = origin(event.headers.get("traceparent"), self._given, ours=bool(event.headers.get(TRACER_HEADER)))
        self._trace_id = before.above.trace_id if before.above else self._trace_id
        self._trace = begun(self._trace_id, self._span_id, before, self._around.sampling, event.at_s, content=self._around.capture_content)
        if self._target in PROBES:
            return [Reply(200, [("content-type", b"text/plain")], PROBE_ANSWER), Leave()]
        path = self._target.partition("?")[0]
        if path not in PATHS and path != COUNT_PATH:
            return self._bypass("not_an_llm_call")
        if self._policy.mode is Mode.OFF and not self._around.policies:
            return self._bypass(OFF)
        if event.end:
            return self._bypass("empty_body")
        self.phase = _BODY
        return [AwaitBody()]

    def _request_body(self, event: RequestBody) -> list[Command]:
        memory = self._around.memory
        if self._target.startswith(COUNT_PATH):
            return self._count(event.data)
        try:
            request = accept(self._target, self._headers.get("content-encoding"), event.data)
            if self._around.policies and (settled := self._apply(request, event.at_s)):
                return settled
            policy = self._policy
            label = classify(request, policy)
        except UnreadableError as error:
            return self._bypass(error.rule)
        speaker = Interpreter(request, policy)
        decision = plan(request, label, policy, speaker, draft_blocked=memory.blocks(request, event.at_s))
        note = self._noted(request, decision, event.at_s)
        if decision.plan is Plan.BYPASS:
            return [Forward(note), Leave()]
        if decision.role is not _DRAFT:
            if SHADOWED in decision.rules and sampled(self._trace_id, policy.shadow_sample):
                self.shadowed = self._sent(request, note, event.at_s, speaker)
            if speaker.translates(_VERIFY):
                return self._direct(request, note, event.at_s, speaker)
            return [Forward(note, body=body_to(_VERIFY, request, speaker.manner(_VERIFY), self._around.drafted)), Leave()]
        if decision.plan is Plan.DRAFT and not decision.checked and not speaker.translates(_DRAFT):
            self.phase = _PATH
            sent = Sent(request, self._target, self._headers, note, self._began_s, speaker=speaker)
            self._path = DraftPath(sent, policy, memory, self._around.drafted)
            return [Forward(note, _DRAFT, body=body_to(_DRAFT, request, speaker.manner(_DRAFT), self._around.drafted))]
        sent = self._sent(request, note, event.at_s, speaker)
        return self._hold(CascadePath(sent, policy, memory, self._around.drafted, checked=decision.checked), note, event.at_s)

    def _noted(self, request: Request, decision: Decision, at_s: float) -> Note:
        """Write down what is known."""
        trace = self._trace
        if trace is not None:
            trace = self._trace = replace(trace, heard_s=at_s, stream=request.stream)
        note = _note(request, decision, self._policy.name, self._team, self._trace_id, trace)
        told = trace is not None and trace.content
        return replace(note, contents=(question(request.dialect, request.body),)) if told else note

    def _apply(self, request: Request, at_s: float) -> list[Command]:
        """Take the first policy that applies; where it settles the request, give what answers it."""
        around = self._around
        facts = Facts(self._headers, self._target.partition("?")[0], request, self._trace_id, at_s + around.unix_offset_s, around.salt)
        policy = chosen(around.policies, self._policy, facts)
        asked = asked_plan(self._headers) if policy.client_override else None
        self._policy = policy = dataclasses.replace(policy, pinned=asked, pinned_by="client_plan") if asked else policy
        if policy.mode is Mode.OFF:
            return self._bypass(OFF)
        if policy.allowance is None:
            return []
        self._team = team_of(policy.allowance, facts)
        if not around.spent(self._team, facts.at).exceeds(policy.allowance):
            return []
        if not policy.allowance.refuse or policy.mode is Mode.SHADOW:  # which keeps it from the draft model, too, but says so
            self._policy = dataclasses.replace(policy, pinned=Plan.DRAFT, pinned_by=SPENT)
            return []
        note = Note(Outcome.FAILED, Plan.BYPASS, str(request.dialect), "", (SPENT,), self._trace_id, shown_name(request.model))
        status, headers, body = spent_out(request.dialect, facts.at)
        return [Reply(status, headers, body, replace(note, policy=policy.name, team=self._team, trace=self._trace)), Leave()]

    def _direct(self, request: Request, note: Note, at_s: float, speaker: Interpreter) -> list[Command]:
        """Ask a verify model that speaks another dialect, or say why it cannot be asked."""
        if barrier := speaker.obstacle(_VERIFY):
            status, body = refusal(request.dialect, barrier)
            return [Reply(status, JSON, body, replace(note, outcome=Outcome.FAILED, model="")), Leave()]
        sent = self._sent(request, note, at_s, speaker)
        return self._hold(DirectPath(sent, self._policy, self._around.memory, self._around.drafted), note, at_s)

    def _hold(self, path: CascadePath | DirectPath, note: Note, at_s: float) -> list[Command]:
        """Answer this one ourselves."""
        self.phase, self._path = _PATH, path
        # The call first, as it takes longest. What Envoy sends if we are gone before the response has begun is an error.
        return [*path.begin(at_s), Forward(replace(note, outcome=Outcome.FAILED, model=""), held=True)]

    def _sent(self, request: Request, note: Note, at_s: float, speaker: Interpreter) -> Sent:
        around = self._around
        fence = blake2b(f"{self._trace_id} {at_s!r}".encode(), digest_size=12, key=around.secret).hexdigest()
        return Sent(
            request, self._target, self._headers, note, self._began_s, fence, int(at_s + around.unix_offset_s), self._policy, speaker
        )

    def _on_path(self, event: Event) -> list[Command]:
        return self._path.handle(event) if self._path else [Leave()]

    def _bypass(self, rule: str) -> list[Command]:
        dialect = PATHS.get(self._target.partition("?")[0])
        policy = self._policy
        note = Note(Outcome.BYPASSED, Plan.BYPASS, str(dialect or ""), "", (rule,), self._trace_id, policy=policy.name, trace=self._trace)
        if dialect is None or dialect in policy.verify_models or _VERIFY not in policy.tongues:
            return [Forward(note), Leave()]
        # Nobody behind us would understand it as it is.
        why = "The cascade is switched off" if rule == OFF else "The request cannot be read"
        body = DIALECTS[dialect].error(400, f"{why}, so it cannot be translated either: {rule.replace('_', ' ')}.")
        return [Reply(400, JSON, body, replace(note, outcome=Outcome.FAILED)), Leave()]

    def _count(self, body: bytes) -> list[Command]:
        """Have a request's tokens counted by the draft model, or estimate them: no verify model of this dialect is there to be asked."""
        policy, dialect = self._policy, Dialect.ANTHROPIC
        note = Note(Outcome.BYPASSED, Plan.BYPASS, str(dialect), "", ("count_tokens",), self._trace_id, trace=self._trace)
        try:
            request = accept(PATH_OF[dialect], self._headers.get("content-encoding"), body)
            if dialect in policy.draft_models:
                return [Forward(note, _DRAFT, body=body_for(request, policy.draft_models[dialect] or request.model)), Leave()]
            told = b'{"input_tokens":%d}' % tokens(DIALECTS[dialect].conversation(body))
        except UnreadableError as error:
            return [
                Reply(400, JSON, DIALECTS[dialect].error(400, f"The request cannot be read: {error.rule.replace('_', ' ')}."), note),
                Leave(),
            ]
        return [Reply(200, [*JSON, ("x-cascade-lossy", b"input_tokens=estimated")], told, note), Leave()]

    # Plain functions, not bound methods: a session must not refer to itself, or its bodies live until the next collection.
    _TABLE: ClassVar[dict[tuple[Phase, type | None], Callable[..., list[Command]]]] = {
        (_OPEN, RequestHeaders): _request_headers,
        (_BODY, RequestBody): _request_body,
        (_PATH, None): _on_path,
    }
    """(phase, event type) → what to do; `None` stands for every event."""


_OUTCOMES = {Plan.DRAFT: Outcome.SKIPPED, Plan.BYPASS: Outcome.BYPASSED}
"""What comes of a plan when nothing else happens."""


def _note(request: Request, decision: Decision, policy: str, team: str, trace_id: str, trace: Trace | None) -> Note:
    return Note(
        outcome=_OUTCOMES.get(decision.plan, Outcome.DIRECT),
        plan=decision.plan,
        dialect=request.dialect,
        model=shown_name(decision.model),
        rules=decision.rules,
        trace_id=trace_id,
        requested_model=shown_name(request.model),
        turn=decision.turn,
        score=decision.score,
        wanted=decision.wanted,
        policy=policy,
        team=team,
        trace=trace,
    )
