"""`extproc up` as an operator meets it: start, trouble at the start, death of a part, the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.system import ROOT, System, until

pytestmark = pytest.mark.envoy
ENVIRON = {"DRAFT_KEY": "the-draft-key"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with Background(Simulator(Profile(first_token_s=0.2, tokens_per_s=200))) as simulator:
        yield simulator


def system(folder: Path, provider: Simulator, **more: object) -> System:
    return System(folder, models(provider.url, provider.url), environ=ENVIRON, **more)


def ask(running: System, text: str = "Hello!") -> httpx.Response:
    return httpx.post(f"{running.url}/v1/messages", json=body_of("/v1/messages", text, stream=True), timeout=30)


def test_nothing_is_left_behind(tmp_path: Path, provider: Simulator):
    with system(tmp_path, provider) as running:
        children = running.children()
        assert set(children) == {"envoy", "worker 0"}
        argv = Path(f"/proc/{children['worker 0']}/cmdline").read_bytes().split(b"\0")
        runtime = Path(argv[argv.index(b"--runtime-dir") + 1].decode())
        assert runtime.stat().st_mode & 0o777 == 0o700
        assert ask(running).status_code == 200
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())
    assert not runtime.exists()


def test_provider_keys_are_in_no_other_process_and_in_no_dump(tmp_path: Path, provider: Simulator):
    with system(tmp_path, provider) as running:
        for pid in running.children().values():
            assert b"the-draft-key" not in Path(f"/proc/{pid}/environ").read_bytes()
            assert b"the-draft-key" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert "the-draft-key" not in httpx.get(f"{running.envoy_admin}/config_dump?include_eds").text
        assert "the-draft-key" not in httpx.get(f"{running.admin}/api/config").text
        assert ask(running).status_code == 200
        assert provider.requests[-1].headers["x-api-key"] == "the-draft-key"
    assert "the-draft-key" not in running.output()


def test_an_address_in_use_is_one_clear_line(tmp_path: Path, provider: Simulator):
    running = system(tmp_path, provider)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", running.port))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "extproc", "up", "--config", str(running.config)],
            capture_output=True,
            text=True,
            env={**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)},
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"error: listen: 127.0.0.1:{running.port}: Address already in use"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("victim", ["worker 0", "envoy"])
def test_what_dies_is_started_again(tmp_path: Path, provider: Simulator, victim: str):
    with system(tmp_path, provider) as running:
        os.kill(running.children()[victim], signal.SIGKILL)
        until(lambda: f"{victim} ended with signal SIGKILL" in running.output())
        until(running.is_ready_or_dead)
        assert ask(running).headers["x-cascade-outcome"] == "SKIPPED"


def test_the_parts_end_when_the_supervisor_is_killed(tmp_path: Path, provider: Simulator):
    running = system(tmp_path, provider)
    running.__enter__()
    children = running.children()
    assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_end_well_when_it_is_told_to_stop(tmp_path: Path, provider: Simulator, number: int):
    answers: list[httpx.Response] = []
    with system(tmp_path, provider) as running:
        clients = [threading.Thread(target=lambda: answers.append(ask(running))) for _ in range(8)]
        for client in clients:
            client.start()
        until(lambda: running.stat("http.*downstream_rq_active") >= 8)
        assert running.stop(number) == 0
        for client in clients:
            client.join()
    assert [answer.status_code for answer in answers] == [200] * 8
    assert all("message_stop" in answer.text for answer in answers)


@pytest.mark.slow
def test_no_request_is_lost_when_it_is_told_to_stop_under_load(tmp_path: Path, provider: Simulator):
    told: list[str] = []
    with system(tmp_path, provider, drain_s=10) as running:

        def load() -> None:
            with httpx.Client(timeout=30) as client:
                while True:
                    try:
                        answer = client.post(f"{running.url}/v1/messages", json=body_of("/v1/messages", "Hello!"))
                    except httpx.ConnectError:
                        return  # nobody is let in any more: the next client would go elsewhere
                    except httpx.HTTPError as error:
                        told.append(type(error).__name__)
                        return
                    told.append(str(answer.status_code))

        clients = [threading.Thread(target=load) for _ in range(8)]
        for client in clients:
            client.start()
        until(lambda: len(told) > 40)
        assert running.stop() == 0
        for client in clients:
            client.join()
    assert set(told) == {"200"}


def test_several_workers_share_the_traffic_and_the_metrics(tmp_path: Path, provider: Simulator):
    with system(tmp_path, provider, workers=2) as running:
        assert set(running.children()) == {"envoy", "worker 0", "worker 1"}
        for _ in range(10):
            assert ask(running).headers["x-cascade-outcome"] == "SKIPPED"
        wanted = 'cascade_requests_total{dialect="anthropic",outcome="SKIPPED",plan="draft",policy="default"} 10.0'
        until(lambda: wanted in httpx.get(f"{running.admin}/metrics").text)
        metrics = httpx.get(f"{running.admin}/metrics").text
        assert 'cascade_overhead_seconds_count{phase="decide"} 10.0' in metrics
        os.kill(running.children()["worker 1"], signal.SIGKILL)
        assert [ask(running).status_code for _ in range(4)] == [200] * 4


def test_a_changed_key_file_reaches_envoy(tmp_path: Path, provider: Simulator):
    key = tmp_path / "key"
    key.write_text("first\n")
    given = models(provider.url, provider.url, api_key_file=str(key), api_key_env=None)
    with System(tmp_path, given) as running:
        ask(running)
        assert provider.requests[-1].headers["x-api-key"] == "first"
        key.write_text("second\n")

        def is_second() -> bool:
            ask(running)
            return provider.requests[-1].headers["x-api-key"] == "second"

        until(is_second)
    assert "second" not in running.output().replace("seconds", "")
