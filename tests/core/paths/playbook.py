"""A cascade as a play: a script of events for one exchange, with simulated models that answer the very calls that it makes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from extproc.core.answers import Answer, gathered
from extproc.core.commands import Call, CancelCall, Command, Leave, Report, SendBody, StartResponse
from extproc.core.dialects import DIALECTS
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, ClientLeft, Event, Headers, ResponseHeaders, Tick
from extproc.core.paths.cascade import CascadePath
from extproc.core.paths.direct import DirectPath
from extproc.core.paths.sent import Sent
from extproc.core.policy import Policy, Price
from extproc.core.records import CallNote, Note
from extproc.core.steps.accept import accept
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.provenance import Fingerprints
from extproc.core.vocabulary import PATHS, Dialect, Outcome, Plan, Role
from extproc.core.wire.sse import SseParser
from extproc.simulator import faults
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile
from extproc.simulator.sse import Frame

ALL = tuple(Dialect)
PRICES = {Role.DRAFT: Price(1.0, 2.0, 0.1, 1.0), Role.VERIFY: Price(10.0, 20.0, 1.0, 12.5)}
POLICY = Policy(
    draft_models=dict.fromkeys(ALL, "small"), verify_models=dict.fromkeys(ALL), prices=PRICES, max_wall_s=100, verify_timeout_s=20
)
QUESTION = "Why is the sky blue?"
ASKED: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {"max_tokens": 2000, "messages": [{"role": "user", "content": QUESTION}]},
    Dialect.OPENAI_CHAT: {"messages": [{"role": "user", "content": QUESTION}]},
    Dialect.OPENAI_RESPONSES: {"input": QUESTION},
}
_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
TOOLS: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {"tools": [{"name": "weather", "input_schema": _CITY}]},
    Dialect.OPENAI_CHAT: {"tools": [{"type": "function", "function": {"name": "weather", "parameters": _CITY}}]},
    Dialect.OPENAI_RESPONSES: {"tools": [{"type": "function", "name": "weather", "parameters": _CITY}]},
}
"""A tool to offer, as a dialect has it."""
THINKING: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {"thinking": {"type": "adaptive"}},
    Dialect.OPENAI_CHAT: {"reasoning_effort": "high"},
    Dialect.OPENAI_RESPONSES: {"reasoning": {"effort": "high", "summary": "auto"}},
}
BEGAN_S = 10.0
HELD = b": cascade held\n\n"
"""What lets the headers of a stream go out whose outcome is not known yet."""


class Play:
    """One exchange. Its clock goes on by a tenth of a millisecond with every event."""

    def __init__(
        self,
        dialect: Dialect = Dialect.ANTHROPIC,
        *,
        stream: bool = True,
        plan: Plan = Plan.CASCADE,
        policy: Policy = POLICY,
        announced: bool = True,
        checked: bool = True,
        **fields: Any,
    ) -> None:
        body = json.dumps({"model": "big", "stream": stream, **ASKED[dialect], **fields}).encode()
        target = next(path for path, spoken in PATHS.items() if spoken is dialect)
        note = Note(Outcome.SKIPPED, plan, str(dialect), "small", ("scored",), "ab" * 16, "big")
        client = Headers([(":path", target.encode()), ("x-api-key", b"k"), ("content-length", b"9"), ("x-cascade-plan", b"draft")])
        self.dialect, self.stream, self.body, self.now = dialect, stream, body, BEGAN_S
        self.request = accept(target, "", body)
        self.memory, self.drafted = RefusalMemory(300), Fingerprints(b"")
        self.commands: list[Command] = []
        self.open: set[Role] = set()
        """Roles whose call runs."""
        sent = Sent(self.request, target, client, note, BEGAN_S, "f3nce", 1_769_817_600)
        if plan is Plan.DIRECT:
            self.path: CascadePath | DirectPath = DirectPath(sent, policy, self.memory, self.drafted)
        else:
            self.path = CascadePath(sent, policy, self.memory, self.drafted, checked=checked)
        self._take(self.path.begin(BEGAN_S))
        if announced:
            self.announced()

    # Events.

    def handle(self, event: Event) -> list[Command]:
        """Give the path an event; after its end nothing reaches it, as in a session."""
        if self.over:
            return []
        if isinstance(event, CallEnded | CallFailed):
            self.open.discard(event.role)
        return self._take(self.path.handle(event))

    def announced(self) -> list[Command]:
        """Envoy has its placeholder."""
        pairs = [(":status", b"503"), ("content-type", b"application/json"), ("x-placeholder", b"1")]
        return self.handle(ResponseHeaders(self.tick(), Headers(pairs), False))

    def started(self, status: int = 200, *more: tuple[str, bytes], kind: bytes = b"") -> list[Command]:
        """The present call has its status and headers."""
        kind = kind or (b"text/event-stream" if self.stream and status == 200 else b"application/json")
        pairs = [("content-type", kind), ("content-length", b"7"), ("request-id", self.role.encode()), *more]
        return self.handle(CallStarted(self.tick(), status, Headers(pairs), self.role))

    def data(self, *pieces: bytes) -> list[Command]:
        """Bytes of the present call's body."""
        role = self.role
        return [command for piece in pieces for command in self.handle(CallData(self.tick(), piece, role))]

    def ended(self) -> list[Command]:
        """The present call's body has ended."""
        return self.handle(CallEnded(self.tick(), self.role))

    def failed(self, kind: str) -> list[Command]:
        """The present call has failed."""
        return self.handle(CallFailed(self.tick(), kind, self.role))

    def left(self) -> list[Command]:
        """The client has left; the shell then drops the calls."""
        commands = self.handle(ClientLeft(self.tick()))
        self.open.clear()
        return commands

    def waited(self, seconds: float) -> list[Command]:
        """Nothing has happened for so long."""
        self.now += seconds
        return self.handle(Tick(self.now))

    def tick(self) -> float:
        self.now += 0.0001
        return self.now

    # Models.

    def says(self, **profile: Any) -> list[bytes]:
        """What a simulated model sends in answer to the present call, event by event or half by half."""
        frames, _ = self.script(**profile)
        return [frame.data for frame in frames]

    def script(self, **profile: Any) -> tuple[Sequence[Frame], faults.Ending]:
        """The same, and how it ends."""
        speaker, how = SPEAKERS[PATHS[self.call.path]], Profile(**profile)
        ask = speaker.read(self.call.body)
        answer = compose(ask, how, 1_769_817_600)
        if self.stream:
            made = faults.stream(speaker.events(ask, answer), how, lambda sent: speaker.error_event(ask, answer, sent, "overloaded"))
        else:
            made = faults.body(Frame(speaker.document(ask, answer)), how)
        return made.frames, made.ending

    def answers(self, *, size: int = 0, **profile: Any) -> bytes:
        """Let a simulated model answer the present call to the end; gives all that it sent. `size`: in pieces of this size."""
        frames, ending = self.script(**profile)
        whole = b"".join([frame.data for frame in frames])
        role = self.role
        self.started()
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)] if size else [frame.data for frame in frames]
        for piece in pieces:
            self.handle(CallData(self.tick(), piece, role))
        last = CallEnded(self.tick(), role) if ending is faults.Ending.DONE else CallFailed(self.tick(), "reset", role)
        self.handle(last)
        return whole

    # What came of it.

    @property
    def calls(self) -> list[Call]:
        return [command for command in self.commands if isinstance(command, Call)]

    @property
    def call(self) -> Call:
        return self.calls[-1]

    @property
    def role(self) -> Role:
        return self.call.role

    @property
    def start(self) -> StartResponse:
        (start,) = [command for command in self.commands if isinstance(command, StartResponse)]
        return start

    @property
    def begun(self) -> bool:
        return any(isinstance(command, StartResponse) for command in self.commands)

    @property
    def client(self) -> bytes:
        """All that went to the client."""
        return b"".join([command.data for command in self.commands if isinstance(command, SendBody)])

    @property
    def over(self) -> bool:
        return any(isinstance(command, Leave) for command in self.commands)

    @property
    def note(self) -> Note:
        """What is known at the end."""
        last = self.commands[-1]
        if isinstance(last, Report):
            return last.note
        (note,) = [command.note for command in self.commands if isinstance(command, SendBody) and command.end]
        assert note is not None
        assert isinstance(last, Leave)
        return note

    @property
    def outcome(self) -> Outcome:
        return self.note.outcome

    @property
    def reasons(self) -> tuple[str, ...]:
        """The rules that the path has added."""
        return self.note.rules[1:]

    def told_of(self, role: Role) -> CallNote:
        (told,) = [call for call in self.note.calls if call.role == role]
        return told

    @property
    def read(self) -> Answer:
        """What the client reads of the response."""
        spec = DIALECTS[self.dialect]
        if not self.stream:
            return gathered(spec.whole(self.client))
        parser, reader = SseParser(), spec.reader()
        events = [*parser.feed(self.client), *parser.finish()]
        return gathered([piece for event in events for piece in reader.read(event)])

    @property
    def comment(self) -> bytes:
        """The comment behind a stream."""
        return self.client[self.client.rindex(b": cascade ") :] if b": cascade outcome" in self.client else b""

    @property
    def relayed(self) -> bytes:
        """What went to the client, without our comments."""
        sent = self.client.removeprefix(HELD)
        return sent.removesuffix(self.comment) if self.comment else sent

    def _take(self, commands: list[Command]) -> list[Command]:
        for command in commands:
            if isinstance(command, Call):
                assert command.role not in self.open
                self.open.add(command.role)
            elif isinstance(command, CancelCall):
                self.open.discard(command.role)
            assert not (isinstance(command, Leave) and command is not commands[-1])
        self.commands += commands
        return commands


def drafted(dialect: Dialect = Dialect.ANTHROPIC, *, stream: bool = True, **more: Any) -> Play:
    """A play in which the draft has come and the verify model is asked to judge it."""
    play = Play(dialect, stream=stream, **more)
    play.answers()
    assert play.role is Role.VERIFY
    return play


def ends(client: bytes) -> int:
    """Count the endings of a stream, regular ones and errors, in any dialect."""
    last = ("event: message_stop", "event: error", "data: [DONE]", 'data: {"error"', *[f"event: response.{how}" for how in _LAST])
    return sum(client.count(mark.encode()) for mark in last)


_LAST = ("completed", "incomplete", "failed")
