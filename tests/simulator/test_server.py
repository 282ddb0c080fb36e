"""The simulated provider on a socket: steering, pauses, long answers, clients that leave."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.support.background import Background
from tests.support.system import until

BODY = {"model": "m", "max_tokens": 10_000_000, "messages": [{"role": "user", "content": "Hi"}]}
LONG = 1_000_000


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Background(Simulator(Profile(steerable=True, steer_header="x-simulate-verify"))) as running:
        yield running


def ask(simulator: Simulator, steering: str, *, stream: bool = False, header: str = "X-Simulate-Verify") -> httpx.Response:
    return httpx.post(f"{simulator.url}/v1/messages", json={**BODY, "stream": stream}, headers={header: steering}, timeout=60)


def text_of(stream: bytes) -> str:
    events = [json.loads(line.removeprefix(b"data: ")) for line in stream.split(b"\n") if line.startswith(b"data: ")]
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def test_each_provider_hears_its_own_header(simulator: Simulator):
    assert ask(simulator, "text=Steered.").json()["content"][0]["text"] == "Steered."
    assert "Steered." not in ask(simulator, "text=Steered.", header="x-simulate").text
    wrong = ask(simulator, "nonsense")
    assert wrong.status_code == 400
    assert "x-simulate-verify: nonsense: unknown setting" in wrong.text


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("pause", [0, 3, 10_000])
def test_after_a_pause_it_goes_on(simulator: Simulator, stream: bool, pause: int):
    calm = ask(simulator, "", stream=stream)
    assert ask(simulator, f"pause={pause}; pause-s=0.01", stream=stream).content == calm.content
    until(lambda: simulator.requests[-1].ending == "done")


def test_in_a_pause_the_stream_stands_still(simulator: Simulator):
    with httpx.stream(
        "POST", f"{simulator.url}/v1/messages", json={**BODY, "stream": True}, headers={"x-simulate-verify": "pause=3; pause-s=60"}
    ) as response:
        lines = response.iter_lines()
        first = [line for line in (next(lines) for _ in range(9)) if line.startswith("event: ")]
        assert first == ["event: message_start", "event: content_block_start", "event: ping"]
        until(lambda: simulator.requests[-1].sent.count(b"event: ") == 3)
    until(lambda: simulator.requests[-1].ending == "left")


def test_a_long_answer_arrives_whole(simulator: Simulator):
    assert len(text_of(ask(simulator, f"characters={LONG}", stream=True).content)) == LONG
    assert len(ask(simulator, f"characters={LONG}").json()["content"][0]["text"]) == LONG


def test_a_client_that_leaves_a_long_answer_is_noticed(simulator: Simulator):
    body = {**BODY, "stream": True}
    headers = {"x-simulate-verify": f"characters={LONG}"}
    with httpx.stream("POST", f"{simulator.url}/v1/messages", json=body, headers=headers, timeout=60) as response:
        assert next(response.iter_raw())
    until(lambda: simulator.requests[-1].ending == "left")
    assert simulator.requests[-1].sent.count(b"message_stop") == 0
