"""Comparisons beside the traffic: bounded, cancelled with the worker, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from extproc.core.commands import Call
from extproc.core.events import CallData, CallEnded, CallStarted, Event, Headers
from extproc.core.paths.sent import Sent
from extproc.core.paths.shadow import ShadowPath
from extproc.core.policy import Policy
from extproc.core.records import Comparison, Note
from extproc.core.steps.accept import accept
from extproc.core.steps.provenance import Fingerprints
from extproc.core.vocabulary import Dialect, Outcome, Plan, Role
from extproc.shell.shadow import Shadows

POLICY = Policy(draft_models={Dialect.ANTHROPIC: "small"}, verify_models={Dialect.ANTHROPIC: None})
BODY = json.dumps({"model": "big", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello there!"}]}).encode()
NOTE = Note(Outcome.DIRECT, Plan.DIRECT, "anthropic", "big", ("shadow_mode",), "t" * 32, wanted=Plan.CASCADE)
SENT = Sent(accept("/v1/messages", "", BODY), "/v1/messages", Headers([]), NOTE, 1.0, "f" * 24, 1)
TEXTS = {Role.DRAFT: "Hello!", Role.VERIFY: "USE_DRAFT"}


class Models:
    """Takes the place of the caller: both models answer, or nothing ever happens."""

    def __init__(self, *, hang: bool = False, status: int = 200) -> None:
        self.calls: list[Role] = []
        self.ended: list[str] = []
        self.begun = asyncio.Event()
        self._hang = hang
        self._status = status

    async def run(self, call: Call, emit: Callable[[Event], Awaitable[None]]) -> None:
        self.calls.append(call.role)
        try:
            await emit(CallStarted(2.0, self._status, Headers([]), call.role))
            if self._hang:
                self.begun.set()
                await asyncio.Event().wait()
            answer = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
            content = {"content": [{"type": "text", "text": TEXTS[call.role]}], "usage": {"input_tokens": 1, "output_tokens": 1}}
            await emit(CallData(2.0, json.dumps({**answer, **content}).encode(), call.role))
            await emit(CallEnded(2.0, call.role))
            self.ended.append("done")
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise


@dataclass
class Seen:
    """What was reported."""

    comparisons: list[Comparison] = field(default_factory=list)
    dropped: int = 0

    def drop(self) -> None:
        self.dropped += 1


def run(models: Models, count: int, most: int = 2, *, stop: bool = False) -> Seen:
    async def work() -> Seen:
        seen = Seen()
        path = lambda sent: ShadowPath(sent, POLICY, Fingerprints(b""))  # noqa: E731
        shadows = Shadows(models, path, lambda told: seen.comparisons.append(told.comparison), seen.drop, most)  # type: ignore[arg-type]
        for _ in range(count):
            shadows.start(SENT)
        assert models.calls == []  # nothing happens before the exchange has ended
        async with asyncio.timeout(10):
            if stop:
                await models.begun.wait()
            else:
                await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
            await shadows.stop()
        assert len(asyncio.all_tasks()) == 1
        return seen

    return asyncio.run(work())


def test_a_comparison_is_two_calls_and_a_report():
    models = Models()
    seen = run(models, 1)
    assert models.calls == [Role.DRAFT, Role.VERIFY]
    assert [(one.outcome, one.verdict) for one in seen.comparisons] == [(Outcome.ACCEPTED, "accepted")]


def test_what_is_too_many_at_once_is_dropped_and_counted():
    seen = run(Models(), 5, most=2)
    assert (len(seen.comparisons), seen.dropped) == (2, 3)


def test_the_end_of_the_worker_cancels_all():
    models = Models(hang=True)
    seen = run(models, 3, most=2, stop=True)
    assert models.ended == ["CancelledError", "CancelledError"]
    assert (seen.comparisons, seen.dropped) == ([], 1)


def test_a_call_that_has_said_enough_is_broken_off():
    models = Models(hang=True, status=500)
    seen = run(models, 1)
    assert models.ended == ["_DroppedError"]
    assert [(one.outcome, one.rules[-1]) for one in seen.comparisons] == [(Outcome.RESCUED, "draft_status_500")]
