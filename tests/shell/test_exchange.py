"""An exchange over a transport that is no transport: what happens when either side leaves, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from extproc.core.commands import Call
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Event, Headers
from extproc.core.policy import Policy
from extproc.core.session import Session, Surroundings
from extproc.core.steps.memory import RefusalMemory
from extproc.core.vocabulary import Dialect
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest, ProcessingResponse
from extproc.shell.exchange import Exchange
from extproc.shell.telemetry import Meters

POLICY = Policy(draft_models={Dialect.ANTHROPIC: "small"}, verify_models={Dialect.ANTHROPIC: None})
METERS = Meters("test", "hash")
BODY = json.dumps({"model": "big", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello there!"}]}).encode()


def message(kind: str, headers: dict[str, str] | None = None, body: bytes = b"", *, end: bool = False) -> bytes:
    made = ProcessingRequest()
    part = getattr(made, kind)
    part.end_of_stream = end
    for name, value in (headers or {}).items():
        part.headers.headers.add(key=name, raw_value=value.encode())
    if body:
        part.body = body
    return made.SerializeToString()


UP_TO_THE_ANSWER = [
    message("request_headers", {":path": "/v1/messages", "x-api-key": "k"}),
    message("request_body", body=BODY.replace(b'"max_tokens"', b'"stream": true, "max_tokens"'), end=True),
]
STREAMED = BODY.replace(b'"max_tokens"', b'"stream": true, "max_tokens"')
EVENTS = [
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"big","usage":{"input_tokens":3}}}\n\n',
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello."}}\n\n',
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]
SSE = Headers([("content-type", b"text/event-stream")])
FAILED_DRAFT = [*UP_TO_THE_ANSWER, message("response_headers", {":status": "500"})]


class Pipe:
    """A stream that Envoy's messages are put into by hand; None ends it."""

    def __init__(self, *messages: bytes | None) -> None:
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.written: list[ProcessingResponse] = []
        self.answered = asyncio.Event()
        """Set when the rescue has begun: two answers to the request, the hold, the new headers."""
        for one in messages:
            self.inbox.put_nowait(one)

    def traceparent(self) -> str:
        return ""

    async def read(self) -> bytes | None:
        return await self.inbox.get()

    async def write(self, data: bytes) -> None:
        self.written.append(ProcessingResponse.FromString(data))
        if len(self.written) == 4:
            self.answered.set()


class FakeCaller:
    """Tells a story instead of making a call."""

    def __init__(self, *story: Event, hangs: bool = False) -> None:
        self.calls: list[Call] = []
        self.cancelled = False
        self._story = story
        self._hangs = hangs

    async def run(self, call: Call, emit: Callable[[Event], Awaitable[None]]) -> None:
        self.calls.append(call)
        try:
            for event in self._story:
                await emit(event)
            if self._hangs:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def run(pipe: Pipe, caller: FakeCaller, also: Callable[[], Awaitable[None]] | None = None) -> None:
    async def both() -> None:
        exchange = Exchange(pipe, Session(Surroundings(POLICY, RefusalMemory(300)), "0" * 32), caller, METERS)  # type: ignore[arg-type]
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(exchange.run())
            if also is not None:
                group.create_task(also())  # type: ignore[arg-type]
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []

    asyncio.run(both())


def test_a_skipped_exchange_is_three_answers_and_an_end():
    pipe = Pipe(*UP_TO_THE_ANSWER, message("response_headers", {":status": "200"}))
    run(pipe, FakeCaller())
    assert [response.WhichOneof("response") for response in pipe.written] == ["request_headers", "request_body", "response_headers"]


def test_a_client_that_leaves_before_the_answer_ends_it():
    pipe = Pipe(*UP_TO_THE_ANSWER, None)
    run(pipe, FakeCaller())
    assert len(pipe.written) == 2


def bodies(pipe: Pipe) -> list[bytes]:
    return [one.response_body.response.body_mutation.streamed_response.body for one in pipe.written if one.HasField("response_body")]


def ends(pipe: Pipe) -> list[bool]:
    return [
        one.response_body.response.body_mutation.streamed_response.end_of_stream for one in pipe.written if one.HasField("response_body")
    ]


def test_a_rescue_is_told_piece_by_piece():
    pipe = Pipe(*FAILED_DRAFT)
    caller = FakeCaller(CallStarted(1.0, 200, SSE), *[CallData(1.0, event) for event in EVENTS], CallEnded(1.0))
    run(pipe, caller)
    assert caller.calls[0].body == STREAMED
    *first, last = bodies(pipe)
    assert first == EVENTS[:-1]
    assert last.startswith(EVENTS[-1] + b": cascade outcome=RESCUED")
    assert ends(pipe) == [False] * len(first) + [True]


def test_an_answer_that_breaks_off_ends_with_an_error():
    pipe = Pipe(*FAILED_DRAFT)
    run(pipe, FakeCaller(CallStarted(1.0, 200, SSE), CallData(1.0, EVENTS[0]), CallFailed(1.0, "reset")))
    assert b"event: error" in bodies(pipe)[-1]
    assert ends(pipe)[-1]


def test_a_client_that_leaves_during_a_rescue_cancels_the_call():
    pipe = Pipe(*FAILED_DRAFT)
    caller = FakeCaller(CallStarted(1.0, 200, SSE), hangs=True)

    async def leave() -> None:
        await pipe.answered.wait()
        pipe.inbox.put_nowait(None)

    run(pipe, caller, leave)
    assert caller.cancelled


def test_a_fast_model_waits_for_a_slow_envoy():
    """Pieces of a side call are not piled up in memory: the call is held back when nobody takes them."""
    told = 0

    class Counting(FakeCaller):
        async def run(self, call: Call, emit: Callable[[Event], Awaitable[None]]) -> None:
            nonlocal told
            await emit(CallStarted(1.0, 200, SSE))
            for event in (*EVENTS[:2], *[EVENTS[2]] * 1000, *EVENTS[3:]):
                await emit(CallData(1.0, event))
                told += 1
            await emit(CallEnded(1.0))

    class Slow(Pipe):
        async def write(self, data: bytes) -> None:
            await super().write(data)
            for _ in range(5):
                await asyncio.sleep(0)
            assert told < len(self.written) + 20

    pipe = Slow(*FAILED_DRAFT)
    run(pipe, Counting())
    assert told == 1005
