"""With the processor dead, wedged or dying, clients are served by the verify model as if it did not exist."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.envoy.conftest import Cascade, body_of
from tests.support.system import until

pytestmark = pytest.mark.envoy


@pytest.fixture
def without_processor(cascade: Cascade) -> Iterator[Cascade]:
    """Kill the worker, and keep the supervisor from starting it again."""
    assert cascade.system.process is not None
    supervisor = cascade.system.process.pid
    os.kill(supervisor, signal.SIGSTOP)
    os.kill(cascade.system.children()["worker 0"], signal.SIGKILL)
    until(lambda: cascade.ask("Hello!").headers.get("x-cascade-outcome") is None)
    try:
        yield cascade
    finally:
        os.kill(supervisor, signal.SIGCONT)
        until(lambda: cascade.ask("Hello!").headers.get("x-cascade-outcome") == "SKIPPED")


def test_requests_go_to_verify_untouched(without_processor: Cascade):
    body = json.dumps(body_of("/v1/messages", "Hello!", stream=True)).encode()
    response = without_processor.client.post("/v1/messages?beta=true", content=body, headers={"x-api-key": "client-key"})
    seen = without_processor.verify.requests[-1]
    assert (response.status_code, seen.body, seen.headers["x-api-key"]) == (200, body, "client-key")
    assert response.content == bytes(seen.sent)
    assert httpx.get(f"{without_processor.system.url}/.well-known/cascade-probe").status_code == 503


def test_a_client_cannot_steer_and_keys_do_not_leak(without_processor: Cascade):
    asked = len(without_processor.draft.requests)
    response = without_processor.ask("Hello!", headers={"x-cascade-target": "draft", "x-cascade-outcome": "ACCEPTED"})
    assert len(without_processor.draft.requests) == asked
    seen = without_processor.verify.requests[-1]
    assert not [name for name in seen.headers if name.lower().startswith("x-cascade")]
    assert seen.headers["x-api-key"] == "client-key"
    assert "x-cascade-outcome" not in response.headers


def test_too_large_is_still_a_413_in_the_dialect(without_processor: Cascade):
    response = without_processor.client.post("/v1/messages", content=b"{" + b" " * 40_000_000)
    assert (response.status_code, response.json()["type"]) == (413, "error")


def test_a_wedged_processor_is_passed_by_after_about_a_second(cascade: Cascade):
    worker = cascade.system.children()["worker 0"]
    os.kill(worker, signal.SIGSTOP)
    try:
        response = cascade.ask("Hello!")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert response.status_code == 200
    assert response.json()["model"] == "claude-opus-4-8"
    assert response.elapsed.total_seconds() < 5


def test_no_request_is_lost_when_the_processor_is_killed_under_load(cascade: Cascade):
    told: Counter[str] = Counter()
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=cascade.system.url, timeout=30) as client:
            while not stop.is_set():
                response = client.post("/v1/messages", json=body_of("/v1/messages", "Hello!"))
                told[f"{response.status_code} {response.headers.get('x-cascade-outcome', 'passed by')}"] += 1

    clients = [threading.Thread(target=load) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            enough = told.total() + 200
            until(lambda enough=enough: told.total() > enough)
            until(lambda: "worker 0" in cascade.system.children())
            os.kill(cascade.system.children()["worker 0"], signal.SIGKILL)
        enough = told["200 SKIPPED"] + 200
        until(lambda: told["200 SKIPPED"] > enough, 30)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert set(told) <= {"200 SKIPPED", "200 passed by", "200 DIRECT"}, told
    assert told["200 passed by"] > 0


def test_records_flow_again_after_a_restart(cascade: Cascade):
    os.kill(cascade.system.children()["worker 0"], signal.SIGKILL)
    until(lambda: cascade.ask("Hello!").headers.get("x-cascade-outcome") == "SKIPPED")
    traces = [cascade.ask("Hello!").headers["x-cascade-trace-id"] for _ in range(3)]
    assert [cascade.system.record(trace)["outcome"] for trace in traces] == ["SKIPPED"] * 3
