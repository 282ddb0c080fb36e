"""The tests of passing through, failing open and rescuing, on the transport grpcio."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import Cascade, body_of, models
from tests.envoy.test_fail_open import *  # noqa: F403
from tests.envoy.test_pass_through import *  # noqa: F403
from tests.envoy.test_rescue import *  # noqa: F403
from tests.envoy.test_rescue import _forgotten  # noqa: F401
from tests.support.background import Background
from tests.support.system import System, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    """The system of all other tests, on the transport grpcio."""
    folder: Path = tmp_path_factory.mktemp("system")
    with (
        Background(Simulator(Profile(name="draft", steerable=True, api_key="the-draft-key"))) as draft,
        Background(Simulator(Profile(name="verify", headers_s=0.02))) as verify,
        System(
            folder,
            models(draft.url, verify.url),
            environ={"DRAFT_KEY": "the-draft-key"},
            draft={"timeout_s": 1.0},
            router={"refusal_memory_s": 1.0},
            drain_s=2.0,
            transport="grpcio",
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Cascade(system, draft, verify, client)


def test_no_request_is_lost_when_the_processor_drains_under_load(cascade: Cascade):
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
            enough = told["200 SKIPPED"] + 200
            until(lambda enough=enough: told["200 SKIPPED"] > enough, 30)
            worker = cascade.system.children()["worker 0"]
            os.kill(worker, signal.SIGTERM)
            until(lambda worker=worker: cascade.system.children().get("worker 0", worker) != worker, 30)
        enough = told["200 SKIPPED"] + 200
        until(lambda: told["200 SKIPPED"] > enough, 30)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert set(told) <= {"200 SKIPPED", "200 passed by", "200 DIRECT"}, told
