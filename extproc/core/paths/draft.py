"""Plan `draft`: the draft model's answer goes to the client as it is (SKIPPED), unless it fails before its first byte.

answering ──2xx──▶ done                       (the response flows without us)
│ anything else
▼
calling ──CallStarted──▶ relaying ──▶ done    (RESCUED, or FAILED with verify's own error)
│                └─▶ collecting ─▶ done   (the same where the draft's response had no body to put ours into)
└──CallFailed──▶ done                     (FAILED, an error in the client's dialect)
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar

from msgspec.structs import replace

from extproc.core.commands import Abort, Call, Command, EndWithTrailers, Hold, Leave, Pairs, PassResponse, Reply, SendBody, StartResponse
from extproc.core.dialects import DIALECTS
from extproc.core.events import (
    CallData,
    CallEnded,
    CallFailed,
    CallStarted,
    Event,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.core.paths.closing import SLACK_S, STATUS_OF
from extproc.core.paths.outlet import chunks, removable
from extproc.core.paths.sent import Sent
from extproc.core.steps.forward import end_to_end, remember, verify_body
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.provenance import Drafted
from extproc.core.vocabulary import Outcome, Policy, Role


class State(Enum):
    """Where the response side stands."""

    ANSWERING = "answering"
    CALLING = "calling"
    RELAYING = "relaying"
    COLLECTING = "collecting"


class DraftPath:
    """The response side of one exchange on plan `draft`."""

    def __init__(self, sent: Sent, policy: Policy, memory: RefusalMemory, drafted: Drafted) -> None:
        self._sent = sent
        self._policy = policy
        self._memory = memory
        self._drafted = drafted
        self._state = State.ANSWERING
        self._note = sent.note
        self._upstream_names: tuple[str, ...] = ()
        self._upstream_ended = False
        self._upstream_trailers = False
        self._started: CallStarted | None = None
        self._collected: list[bytes] = []

    def handle(self, event: Event) -> list[Command]:
        """Take one event in the present state."""
        return self._STATES[self._state](self, event)

    def _answering(self, event: Event) -> list[Command]:
        if not isinstance(event, ResponseHeaders):
            return [Leave()]
        if 200 <= event.status < 300:
            self._memory.succeeded(self._sent.request)
            remember(self._sent.request, self._drafted)
            return [PassResponse(), Leave()]
        self._memory.failed(self._sent.request, event.status, event.at_s)
        return self._rescue(event)

    def _rescue(self, event: ResponseHeaders) -> list[Command]:
        """Hold the draft's failure back and ask the verify model the client's own question."""
        sent, policy = self._sent, self._policy
        self._note = replace(self._note, rules=(*self._note.rules, f"draft_status_{event.status}"))
        left_s = policy.max_wall_s - (event.at_s - sent.at_s)
        if policy.max_calls < 2 or left_s <= 0:
            return [PassResponse(replace(self._note, outcome=Outcome.FAILED, rules=(*self._note.rules, "over_budget"))), Leave()]
        self._upstream_names = removable(event)
        self._upstream_ended = event.end
        self._state = State.CALLING
        model = policy.verify_models.get(sent.request.dialect) or sent.request.model
        self._note = replace(self._note, model=model if model != sent.request.model else sent.note.requested_model)
        return [
            Hold(left_s + SLACK_S),
            Call(
                role=Role.VERIFY,
                path=sent.path,
                headers=end_to_end(sent.headers),
                body=verify_body(sent.request, model, self._drafted) or sent.request.body,
                silence_s=policy.verify_timeout_s,
                wall_s=left_s,
            ),
        ]

    def _calling(self, event: Event) -> list[Command]:
        if isinstance(event, CallFailed):
            return self._fail(event)
        if not isinstance(event, CallStarted):
            return []
        answered = 200 <= event.status < 300
        self._note = replace(self._note, outcome=Outcome.RESCUED if answered else Outcome.FAILED)
        if self._upstream_ended:
            self._started = event
            self._state = State.COLLECTING
            return []
        self._state = State.RELAYING
        return [StartResponse(event.status, end_to_end(event.headers), self._upstream_names, self._note)]

    def _relaying(self, event: Event) -> list[Command]:
        match event:
            case CallData():
                return list(chunks(event.data))
            case CallEnded():
                return [EndWithTrailers() if self._upstream_trailers else SendBody(b"", end=True), Leave()]
            case CallFailed():
                return [Abort()]
            case ResponseTrailers():
                self._upstream_trailers = True
            case ResponseBody():
                pass  # the draft's error page; ours takes its place
        return []

    def _collecting(self, event: Event) -> list[Command]:
        match event:
            case CallData():
                self._collected.append(event.data)
            case CallEnded() if self._started is not None:
                return [Reply(self._started.status, end_to_end(self._started.headers), b"".join(self._collected), self._note), Leave()]
            case CallFailed():
                return self._fail(event)
        return []

    def _fail(self, event: CallFailed) -> list[Command]:
        """Both models failed: an error in the client's dialect, which says so."""
        status = STATUS_OF.get(event.kind, 502)
        message = f"The draft model failed and the verify model could not answer in its place ({event.kind})."
        body = DIALECTS[self._sent.request.dialect].error(status, message)
        note = replace(self._note, outcome=Outcome.FAILED, model="", rules=(*self._note.rules, f"verify_{event.kind}"))
        headers: Pairs = [("content-type", b"application/json")]
        if self._upstream_ended:
            return [Reply(status, headers, body, note), Leave()]
        return [StartResponse(status, headers, self._upstream_names, note), SendBody(body, end=True), Leave()]

    _STATES: ClassVar[dict[State, Callable[[DraftPath, Event], list[Command]]]] = {
        State.ANSWERING: _answering,
        State.CALLING: _calling,
        State.RELAYING: _relaying,
        State.COLLECTING: _collecting,
    }
