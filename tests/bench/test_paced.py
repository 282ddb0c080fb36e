"""The provider that takes its time: valid answers of the wanted length, each as the request's headers say."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from bench.cases import CHECKED, JUDGED, TIMED, Case
from bench.paced import DRAFT, PACE, STAMP, VERIFY, Provider, words
from bench.systems import configuration
from bench.timed import Client
from extproc.config.policy import policy
from extproc.core.answers import Answer, gathered
from extproc.core.dialects import DIALECTS
from extproc.core.steps.accept import accept
from extproc.core.steps.check import check
from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.judge import ACCEPT_WORD
from extproc.core.steps.plan import plan
from extproc.core.vocabulary import Dialect, Plan
from extproc.core.wire.edit import parsed
from extproc.core.wire.sse import SseParser

SPEC = DIALECTS[Dialect.ANTHROPIC]


def exchange(headers: dict[str, str], body: bytes) -> bytes:
    """Give what it answers."""

    async def ask() -> bytes:
        server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
        async with server, httpx.AsyncClient() as client:
            port = server.sockets[0].getsockname()[1]
            return (await client.post(f"http://127.0.0.1:{port}/v1/messages", content=body, headers=headers)).content

    return asyncio.run(ask())


def answer(case: Case, *, draft: bool, stream: bool) -> Answer:
    body = exchange(case.headers(100), case.body(stream=stream, draft=True) if draft else case.judging(stream=stream))
    if not stream:
        return gathered(SPEC.whole(body))
    reader = SPEC.reader()
    return gathered([piece for event in SseParser().feed(body) for piece in reader.read(event)])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", TIMED, ids=[case.outcome for case in TIMED])
def test_its_drafts_pass_their_checks_or_fail_as_the_case_wants(case: Case, stream: bool):
    draft = answer(case, draft=True, stream=stream)
    failed = check(draft, SPEC.demands(parsed(case.body(stream=stream))[1]))
    assert draft.whole
    assert bool(failed) is (case.outcome == "RESCUED")
    assert bool(STAMP.search(draft.text.encode())) is (case.outcome != "RESCUED")


@pytest.mark.parametrize("stream", [False, True])
def test_it_accepts_improves_and_answers(stream: bool):
    told = {case.outcome: answer(case, draft=False, stream=stream) for case in TIMED if case.verify is not None}
    assert all(one.whole for one in told.values())
    assert told["ACCEPTED"].text == ACCEPT_WORD
    assert told["ENHANCED"].text.startswith("written at ")
    assert told["RESCUED"].text.endswith("word 9, ")


def test_as_many_texts_as_are_wanted_none_twice():
    for count in (0, 1, 7):
        texts = words(f"\r\n{DRAFT}: {count}\r\n{VERIFY}: 3\r\n{PACE}: 1".encode(), b'{"model": "draft-small"}')
        assert len(set(texts)) == len(texts) == count


@pytest.mark.parametrize(("asked", "expected"), [(JUDGED, Plan.CASCADE), (CHECKED, Plan.DRAFT)])
def test_requests_have_the_plan_that_they_are_named_for(asked: dict[str, object], expected: Plan):
    rules = policy(configuration(1), {rule.name for rule in RULES})
    request = accept("/v1/messages", "", json.dumps({"model": "m", "max_tokens": 9, **asked}).encode())
    decision = plan(request, classify(request, rules), rules)
    assert (decision.plan, decision.checked) == (expected, expected is Plan.DRAFT)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_notes_what_came_when(stream: bool):
    case = TIMED[0]

    async def both() -> None:
        server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
        async with server:
            with Client(server.sockets[0].getsockname()[1]) as client:
                for _ in range(2):
                    timing = await asyncio.to_thread(client.ask, case.body(stream=stream, draft=True), case.headers(2_000))
                    assert 0 < timing.first_s <= timing.whole_s
                    assert timing.events == (10 if stream else 0)
                    assert 0 <= timing.behind_s < timing.whole_s
                    assert timing.outcome == ""

    asyncio.run(both())
