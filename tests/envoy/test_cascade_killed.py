"""The worker is killed in the midst of cascades: whoever is in one gets an error or a broken connection, never half an answer."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.support.pair import HARD, Pair, pair, question, steering
from tests.support.system import until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system")) as running:
        yield running


def seen_of(response: httpx.Response) -> str:
    """Say what a client got. Whatever has the status 200 must be whole."""
    outcome = response.headers.get("x-cascade-outcome", "passed by")
    if response.status_code == 503:
        assert response.json()["type"] == "error"
        assert "interrupted" in response.json()["error"]["message"]
        return "503"
    assert response.status_code == 200
    if "event-stream" in response.headers["content-type"]:
        assert response.content.count(b'"message_stop"') == 1
        assert outcome != "PENDING" or b"\n: cascade outcome=" in response.content
    else:
        assert json.loads(response.content)["stop_reason"] == "end_turn"
    return "200 passed by" if outcome == "passed by" else "200"


def test_only_those_in_a_cascade_fail(both: Pair):
    told: Counter[str] = Counter()
    wrong: list[BaseException] = []
    stop = threading.Event()

    def load(number: int) -> None:
        body = question("/v1/messages", HARD, stream=number % 2 == 0)
        how = steering("first-token-s=0.05", f"headers-s=0.05; verdict={'improve' if number % 3 else 'accept'}")
        with httpx.Client(base_url=both.system.url, timeout=30) as client:
            while not stop.is_set():
                try:
                    told[seen_of(client.post("/v1/messages", json=body, headers=how))] += 1
                except (httpx.RemoteProtocolError, httpx.ReadError):
                    told["broken"] += 1
                except BaseException as error:
                    wrong.append(error)
                    return

    clients = [threading.Thread(target=load, args=(number,)) for number in range(8)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            enough = told["200"] + 40
            until(lambda enough=enough: told["200"] > enough or wrong)
            until(lambda: "worker 0" in both.system.children())
            os.kill(both.system.children()["worker 0"], signal.SIGKILL)
        enough = told["200"] + 40
        until(lambda: told["200"] > enough or wrong, 30)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert not wrong, wrong
    assert set(told) <= {"200", "200 passed by", "503", "broken"}
    assert 0 < told["503"] + told["broken"] <= 3 * len(clients)
    until(both.is_idle)
    response = both.ask("/v1/messages", verify="verdict=accept")
    assert both.record(response)["outcome"] == "ACCEPTED"
