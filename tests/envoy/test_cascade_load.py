"""Many cascades at once, very long answers, and a long run of everything: nothing is lost, nothing is left behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.pair import EASY, HARD, PATHS, Pair, formed, newest, pair, question, said, steering, told, without_signs
from tests.support.system import until

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(240)]

MIX = (
    ("SKIPPED", "", ""),
    ("ACCEPTED", "", "verdict=accept"),
    ("ENHANCED", "", "verdict=improve"),
    ("RESCUED", "status=503", ""),
    ("RESCUED", "cut=5", ""),
    ("RESCUED", "empty", ""),
    ("FALLBACK", "", "reset"),
    ("FAILED", "reset", "status=500"),
    ("left", "", "hang"),
    ("left", "stall=5", ""),
)
REQUESTS, WARM = 2000, 500


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    much = {"budget": {"max_cost_usd": 1000.0}, "check": {"no_repetition": False}, "verify": {"max_output_tokens": 1_000_000}}
    with pair(tmp_path_factory.mktemp("system"), **much) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_an_answer_of_a_million_characters(both: Pair, path: str, stream: bool):
    limit = {"max_output_tokens" if path == "/v1/responses" else "max_tokens": 1_000_000}
    body = question(path, stream=stream, **limit)
    # Some dialects say so much around each token that a million characters take half a minute.
    size = 400_000 if stream and path != "/v1/messages" else 1_000_000
    response = both.ask(path, body, draft=f"characters={size}", verify="verdict=accept")
    assert told(response)[0] == "ACCEPTED"
    assert len(said(response)) > size
    assert without_signs(said(response)) == bytes(newest(both.draft).sent)
    response = both.ask(path, body, verify=f"verdict=improve; characters={size}")
    assert told(response)[0] == "ENHANCED"
    assert len(said(response)) > size
    assert without_signs(said(response)) == bytes(newest(both.verify).sent)


def test_many_at_once(both: Pair):
    async def one(client: httpx.AsyncClient, number: int) -> tuple[str, bool]:
        path = PATHS[number % 3]
        body = question(path, f"{HARD} ({number})", stream=number % 2 == 0)
        response = await client.post(
            path, json=body, headers=steering("words=375", f"words=375; verdict={'accept' if number % 4 < 2 else 'improve'}")
        )
        return told(response)[0], len(response.content) > 2000

    async def all_of_them() -> list[tuple[str, bool]]:
        async with httpx.AsyncClient(base_url=both.system.url, timeout=60, limits=httpx.Limits(max_connections=64)) as client:
            return await asyncio.gather(*[one(client, number) for number in range(64)])

    told_all = Counter(asyncio.run(all_of_them()))
    # On a busy machine the processor may be too late for some of them: Envoy passes it by, and the verify model answers.
    assert set(told_all) <= {("ACCEPTED", True), ("ENHANCED", True), ("", True)}
    assert told_all["", True] <= 16
    until(both.is_idle)


@pytest.mark.slow
def test_a_long_run_of_everything_leaves_nothing_behind(both: Pair):
    worker = Path(f"/proc/{both.system.children()['worker 0']}")

    async def one(client: httpx.AsyncClient, number: int) -> str:
        outcome, draft, verify = MIX[number % len(MIX)]
        path, stream = PATHS[number % 3], number // 3 % 2 == 0
        body = question(path, EASY, stream=stream, **formed(path)) if outcome == "SKIPPED" else question(path, stream=stream)
        timeout = httpx.Timeout(60, read=0.2 if outcome == "left" else 60)
        try:
            response = await client.post(path, json=body, headers=steering(draft, verify), timeout=timeout)
        except httpx.ReadTimeout:
            return f"{outcome} left"
        return f"{outcome} {told(response)[0]}"

    async def run(numbers: range) -> Counter[str]:
        seen: Counter[str] = Counter()
        left = iter(numbers)

        async def client() -> None:
            async with httpx.AsyncClient(base_url=both.system.url, timeout=60) as own:
                for number in left:
                    seen[await one(own, number)] += 1

        await asyncio.gather(*[client() for _ in range(16)])
        return seen

    def used() -> tuple[int, int]:
        until(both.is_idle)
        resident = int((worker / "statm").read_text().split()[1]) * 4096
        return len(list((worker / "fd").iterdir())), resident

    assert sum(asyncio.run(run(range(WARM))).values()) == WARM
    files, memory = used()
    seen = asyncio.run(run(range(WARM, REQUESTS)))
    seen -= Counter({f"{outcome} DIRECT": 9 for outcome, _, _ in MIX})  # refused a moment before by the same kind
    assert set(seen) == {f"{outcome} {outcome}" for outcome, _, _ in MIX}, seen
    files_now, memory_now = used()
    assert files_now <= files + 8
    assert memory_now <= memory + 16 * 2**20
