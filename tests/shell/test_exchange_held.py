"""A held response over a transport that is no transport: several calls, their ends, and the silence in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

from extproc.core.commands import Call
from extproc.core.events import CallData, CallEnded, CallStarted, Event, Headers
from extproc.core.policy import Policy, Price
from extproc.core.session import Session, Surroundings
from extproc.core.steps.memory import RefusalMemory
from extproc.core.vocabulary import Dialect, Role
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest, ProcessingResponse
from extproc.shell.exchange import Exchange
from extproc.shell.telemetry import Meters
from extproc.simulator import anthropic
from extproc.simulator.answer import compose
from extproc.simulator.profile import Profile

BODY = json.dumps({"model": "big", "stream": True, "max_tokens": 99, "messages": [{"role": "user", "content": "Why?"}]}).encode()
PRICES = {role: Price(1.0, 1.0, 1.0, 1.0) for role in Role}
SSE = Headers([("content-type", b"text/event-stream")])
Story = Callable[[Call], Sequence[Event]]


def message(kind: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    made = ProcessingRequest()
    part = getattr(made, kind)
    for name, value in (headers or {}).items():
        part.headers.headers.add(key=name, raw_value=value.encode())
    if body:
        part.body, part.end_of_stream = body, True
    return made.SerializeToString()


def says(**profile: object) -> Story:
    """A model that answers, to its end."""

    def story(call: Call) -> Sequence[Event]:
        ask = anthropic.read(call.body)
        events = anthropic.events(ask, compose(ask, Profile(**profile), 0))  # type: ignore[arg-type]
        told = [CallData(1.0, frame.data, call.role) for frame in events]
        return [CallStarted(1.0, 200, SSE, call.role), *told, CallEnded(1.0, call.role)]

    return story


def begins(status: int, *data: bytes) -> Story:
    """A model that begins, and then says nothing more."""
    return lambda call: [CallStarted(1.0, status, SSE, call.role), *[CallData(1.0, piece, call.role) for piece in data]]


class Cast:
    """The models: what each tells, and what becomes of its call."""

    def __init__(self, draft: Story, verify: Story) -> None:
        self.diary: list[str] = []
        self._stories = {Role.DRAFT: draft, Role.VERIFY: verify}

    async def run(self, call: Call, emit: Callable[[Event], Awaitable[None]]) -> None:
        self.diary.append(f"{call.role} begins")
        try:
            events = self._stories[call.role](call)
            for event in events:
                await emit(event)
            if not isinstance(events[-1], CallEnded):
                await asyncio.Event().wait()
            self.diary.append(f"{call.role} ends")
        except asyncio.CancelledError:
            self.diary.append(f"{call.role} cancelled")
            raise


class Envoy:
    """The other end: sends a request and its placeholder, takes answers, and leaves when it has had enough."""

    def __init__(self, leaves_after: bytes = b"") -> None:
        self.body = b""
        self.ended = False
        self._leaves_after = leaves_after
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        for one in (
            message("request_headers", {":path": "/v1/messages"}),
            message("request_body", body=BODY),
            message("response_headers", {":status": "503"}),
        ):
            self._inbox.put_nowait(one)

    def traceparent(self) -> str:
        return ""

    async def read(self) -> bytes | None:
        return await self._inbox.get()

    async def write(self, data: bytes) -> None:
        streamed = ProcessingResponse.FromString(data).response_body.response.body_mutation.streamed_response
        self.body += streamed.body
        self.ended = self.ended or streamed.end_of_stream
        if self._leaves_after and self._leaves_after in self.body:
            self._inbox.put_nowait(None)


def play(envoy: Envoy, cast: Cast, *, keepalive_s: float = 5.0) -> dict[str, float]:
    """Run the exchange to its end; gives the metrics. Nothing may be left behind."""
    policy = Policy(
        draft_models={Dialect.ANTHROPIC: "small"},
        verify_models={Dialect.ANTHROPIC: None},
        skip_below=0.0,
        prices=PRICES,
        keepalive_s=keepalive_s,
    )
    meters = Meters("test", "hash")

    async def run() -> None:
        session = Session(Surroundings(policy, RefusalMemory(300)), "0" * 32)
        async with asyncio.timeout(20):
            await Exchange(envoy, session, cast, meters).run()  # type: ignore[arg-type]
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(run())
    lines = meters.exposition()[0].decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("cascade")}


def test_a_draft_is_made_and_then_judged():
    envoy, cast = Envoy(), Cast(says(), says(verdict="accept"))
    told = play(envoy, cast)
    assert cast.diary[:3] == ["draft begins", "draft ends", "verify begins"]
    assert b'"text":"small' in envoy.body
    assert b"outcome=ACCEPTED model=small" in envoy.body
    assert envoy.ended
    assert 'cascade_cost_usd_total{role="draft"}' not in told  # the record will tell


def test_a_call_that_was_replaced_is_cancelled():
    envoy, cast = Envoy(), Cast(begins(500), says())
    play(envoy, cast)
    assert cast.diary[0] == "draft begins"
    assert set(cast.diary[1:3]) == {"draft cancelled", "verify begins"}
    assert b"outcome=RESCUED model=big" in envoy.body
    assert envoy.ended


def test_a_silent_model_makes_ticks_and_ticks_make_signs_of_life():
    envoy, cast = Envoy(leaves_after=b"ping"), Cast(begins(200), says())
    play(envoy, cast, keepalive_s=0.01)
    assert b"event: ping" in envoy.body
    assert cast.diary == ["draft begins", "draft cancelled"]


def test_what_a_client_that_left_has_cost_is_in_the_books():
    envoy, cast = Envoy(leaves_after=b'"big'), Cast(says(), lambda call: says(verdict="improve")(call)[:12])
    told = play(envoy, cast)
    assert cast.diary[-2:] == ["verify begins", "verify cancelled"]
    assert not envoy.ended
    assert told['cascade_cost_usd_total{role="draft"}'] > 0
    assert told['cascade_cost_usd_total{role="verify"}'] > 0
    assert told["cascade_saved_usd_total"] < 0
    assert told['cascade_errors_total{kind="cancelled",role="verify"}'] == 1
