"""Eight clients ask without a pause while parts are replaced and killed: nobody notices, but for what docs/operations.md names.

What else dies under load: `test_fail_open` (the only worker), `test_up` (the whole pair), `test_cascade_killed` (held answers one by one).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from extproc.simulator import Profile, Simulator
from tests.support.background import Background
from tests.support.envoy import Envoy
from tests.support.load import under_load
from tests.support.pair import pair
from tests.support.redis import RedisServer
from tests.support.serve import serving
from tests.support.system import ROOT, System, free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
Capsys = pytest.CaptureFixture[str]
PRICE = {"price_usd_per_mtok": {"input": 1.0, "output": 2.0}}


def model(url: str, **more: Any) -> dict[str, Any]:
    return {"dialect": "anthropic", "base_url": url, **PRICE, **more}


@contextmanager
def provider(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A simulated provider that is a process of its own, so that it can be killed."""
    argv = [sys.executable, "-m", "extproc", "simulate-provider", "--dialect", "anthropic", "--port", str(port)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listens(port))
        yield process
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_the_sidecar_is_replaced_while_its_envoy_stays(tmp_path: Path, capsys: Capsys):
    admin = f"127.0.0.1:{free_ports(1)[0]}"
    with Background(Simulator(Profile(headers_s=0.02))) as simulator:
        models = {"draft": model(simulator.url, model="draft-small"), "verify": model(simulator.url)}
        with Envoy(tmp_path, models, admin=admin, workers=2) as envoy:
            file = tmp_path / "cascade.yaml"
            file.write_text(envoy.config.model_dump_json(by_alias=True, exclude_unset=True))
            with under_load(envoy.url, capsys, "rolling restart") as load:
                for _ in range(3):
                    load.more("passed by", 20)
                    with serving(envoy, file, admin, tmp_path / "log"):
                        load.more()
    assert not load.failed


def test_a_worker_of_two_is_killed(tmp_path: Path, capsys: Capsys):
    with pair(tmp_path, workers=2) as both, under_load(both.system.url, capsys, "worker kill, workers: 2") as load:
        for number in (0, 1, 0, 1):
            load.more()
            pid = both.system.children()[f"worker {number}"]
            os.kill(pid, signal.SIGKILL)
            until(lambda number=number, pid=pid: both.system.children().get(f"worker {number}", pid) != pid)
        load.more()
    lost = {kind for kind, _ in load.failed}
    assert "carried" not in lost, "only what the dead worker held"
    assert sum(load.failed.values()) <= 4 * 8, load.told()


def test_a_key_is_replaced(tmp_path: Path, capsys: Capsys):
    key = tmp_path / "key"
    key.write_text("first")
    with Background(Simulator(Profile())) as draft, Background(Simulator(Profile(headers_s=0.02))) as verify:
        models = {"draft": model(draft.url, model="draft-small", api_key_file=str(key)), "verify": model(verify.url)}
        with System(tmp_path, models) as system, under_load(system.url, capsys, "secret rotation") as load:
            for value in ("second", "third"):
                load.more()
                new = tmp_path / "new"
                new.write_text(value)
                new.replace(key)
                until(lambda value=value: draft.requests[-1].headers["x-api-key"] == value)
            load.more()
        assert {request.headers["x-api-key"] for request in draft.requests} <= {"first", "second", "third"}
    assert not load.failed
    assert load.of("RESCUED") == 0


def test_the_draft_provider_is_killed(tmp_path: Path, capsys: Capsys):
    (port,) = free_ports(1)
    with Background(Simulator(Profile(headers_s=0.02))) as verify:
        models = {"draft": model(f"http://127.0.0.1:{port}", model="draft-small"), "verify": model(verify.url)}
        with (
            System(tmp_path, models, router={"refusal_memory_s": 2.0}) as system,
            provider(port) as first,
            under_load(system.url, capsys, "draft provider killed, and back") as load,
        ):
            load.more()
            first.kill()
            first.wait()
            load.more("RESCUED", 1)
            load.more("", 200)
            with provider(port):
                load.more("SKIPPED")
                load.more("ACCEPTED")
    assert not load.failed


def test_the_verify_provider_is_killed(tmp_path: Path, capsys: Capsys):
    (port,) = free_ports(1)
    with Background(Simulator(Profile())) as draft:
        models = {"draft": model(draft.url, model="draft-small"), "verify": model(f"http://127.0.0.1:{port}")}
        with (
            System(tmp_path, models) as system,
            provider(port) as first,
            under_load(system.url, capsys, "verify provider killed, and back") as load,
        ):
            load.more("ACCEPTED")
            first.kill()
            first.wait()
            load.more("FALLBACK")
            with provider(port):
                load.more("ACCEPTED")
    assert not load.failed


@pytest.mark.redis
def test_redis_is_killed(tmp_path: Path, capsys: Capsys):
    policies = [{"name": "all", "set": {"daily": {"usd": 1000}}}]
    (tmp_path / "pair").mkdir()
    with (
        RedisServer(tmp_path) as server,
        pair(tmp_path / "pair", state=server.url, policies=policies, workers=2) as both,
        under_load(both.system.url, capsys, "Redis killed, frozen, and back") as load,
    ):
        load.more()
        server.kill()
        load.more(count=200)
        server.start()
        load.more()
        server.freeze()
        load.more(count=200)
        server.thaw()
        load.more()
    assert not load.failed
