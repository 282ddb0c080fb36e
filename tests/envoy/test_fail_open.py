"""With the processor dead, wedged or dying, clients are served by the verify model as if it did not exist."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.envoy.conftest import Cascade, body_of
from tests.support.system import until

pytestmark = pytest.mark.envoy
_TRACE = re.compile(r'"trace_id":"([0-9a-f]+)"')


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


@dataclass
class Load:
    """What clients were told."""

    told: Counter[str] = field(default_factory=Counter)
    """How often each answer came: status and outcome."""
    skipped: set[str] = field(default_factory=set)
    """Trace ids of those that went to the draft model."""

    def take(self, response: httpx.Response) -> None:
        outcome = response.headers.get("x-cascade-outcome", "passed by")
        self.told[f"{response.status_code} {outcome}"] += 1
        if outcome == "SKIPPED":
            self.skipped.add(response.headers["x-cascade-trace-id"])


@contextmanager
def under_load(cascade: Cascade) -> Iterator[Load]:
    """Eight clients that ask again and again."""
    load, stop = Load(), threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=cascade.system.url, timeout=30) as client:
            while not stop.is_set():
                load.take(client.post("/v1/messages", json=body_of("/v1/messages", "Hello!")))

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        yield load
    finally:
        stop.set()
        for client in clients:
            client.join()


def _more(load: Load) -> None:
    """Wait for 200 answers more."""
    enough = load.told["200 SKIPPED"] + 200
    until(lambda: load.told["200 SKIPPED"] > enough, 30)


def test_no_request_is_lost_when_the_processor_is_killed_under_load(cascade: Cascade):
    with under_load(cascade) as load:
        for _ in range(3):
            _more(load)
            passed_by = load.told["200 passed by"]
            os.kill(cascade.system.children()["worker 0"], signal.SIGKILL)
            until(lambda passed_by=passed_by: load.told["200 passed by"] > passed_by)
        _more(load)
    rescued = [line for line in cascade.system.log.read_text().splitlines() if '"outcome":"RESCUED"' in line]
    assert set(load.told) <= {"200 SKIPPED", "200 passed by", "200 DIRECT"}, (load.told, rescued)


def test_no_request_and_no_record_is_lost_when_the_processor_drains_under_load(cascade: Cascade):
    with under_load(cascade) as load:
        for _ in range(3):
            _more(load)
            worker = cascade.system.children()["worker 0"]
            os.kill(worker, signal.SIGTERM)
            # Far sooner than after `drain_s`, which is for requests that take their time.
            until(lambda worker=worker: cascade.system.children().get("worker 0") != worker, 10)
        _more(load)
    rescued = [line for line in cascade.system.log.read_text().splitlines() if '"outcome":"RESCUED"' in line]
    assert set(load.told) <= {"200 SKIPPED", "200 passed by", "200 DIRECT"}, (load.told, rescued)
    until(lambda: load.skipped <= set(_TRACE.findall(cascade.system.log.read_text())))


def test_records_flow_again_after_a_restart(cascade: Cascade):
    os.kill(cascade.system.children()["worker 0"], signal.SIGKILL)
    until(lambda: cascade.ask("Hello!").headers.get("x-cascade-outcome") == "SKIPPED")
    traces = [cascade.ask("Hello!").headers["x-cascade-trace-id"] for _ in range(3)]
    assert [cascade.system.record(trace)["outcome"] for trace in traces] == ["SKIPPED"] * 3
