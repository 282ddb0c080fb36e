"""A configuration that changes while everything runs: `extproc up`, one worker and several, under load, and what is refused."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.envoy.conftest import body_of, models
from tests.support.pair import EASY, HARD, Pair, newest, pair, question, told
from tests.support.system import ROOT, System, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
STRICT = {"router": {"skip_below": 0.0, "direct_above": 0.0}}
"""Everything goes to verify."""


def rewrite(both: Pair, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the file as editors do: a new one takes its place."""
    config = json.loads(both.system.config.read_text())
    change(config)
    new = both.system.config.with_name("new")
    new.write_text(json.dumps(config))
    new.replace(both.system.config)


def applied(both: Pair, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the file, and wait until the first worker says that it goes by it."""
    before = both.metric("cascade_config_reloads_total", result="applied")
    rewrite(both, change)
    until(lambda: both.metric("cascade_config_reloads_total", result="applied") == before + 1)


def ready(both: Pair) -> str:
    response = httpx.get(f"{both.system.admin}/readyz")
    assert response.status_code == 200
    return response.text


def outcome(both: Pair, words: str = EASY) -> str:
    return told(both.ask("/v1/messages", question("/v1/messages", words), verify="verdict=accept"))[0]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path) as running:
        yield running


def test_new_requests_go_by_the_new_file_and_those_at_work_by_the_old(both: Pair):
    def hash_now() -> str:
        (line,) = [line for line in httpx.get(f"{both.system.admin}/metrics").text.splitlines() if line.startswith("cascade_config_info{")]
        return line

    old = hash_now()
    with ThreadPoolExecutor() as pool:
        asked = len(both.draft.requests)
        slow = pool.submit(both.ask, "/v1/messages", draft="headers-s=8", verify="verdict=improve")
        until(lambda: len(both.draft.requests) > asked)
        applied(both, lambda config: config["models"]["verify"].update(model="verify-new"))
        assert not slow.done()
        assert told(both.ask("/v1/messages", verify="verdict=improve"))[1] == "verify-new"
        assert told(slow.result())[1] == "claude-opus-4-8"
    assert hash_now() != old
    assert ready(both) == "ready\n"
    assert httpx.get(f"{both.system.admin}/api/config").json()["models"]["verify"]["model"] == "verify-new"
    assert both.system.output().count("in use for new requests (hash ") == 1


def test_a_wrong_file_is_told_and_everything_goes_on(both: Pair):
    rewrite(both, lambda config: config.update(router={"skip_below": "low"}))
    until(lambda: both.metric("cascade_config_pending", reason="invalid") == 1)
    said = ready(both).splitlines()
    assert said[0] == "ready"
    assert "is still the one before it" in said[1]
    assert said[2].endswith("router.skip_below: expected a number; found `low`")
    assert outcome(both) == "SKIPPED"
    os.kill(both.system.children()["worker 0"], signal.SIGKILL)  # what is started again goes by the last good one, too
    until(lambda: both.system.children().get("worker 0"))
    until(both.system.is_ready_or_dead)
    assert ready(both).splitlines() == said
    assert both.metric("cascade_config_reloads_total", result="invalid") == 1
    applied(both, lambda config: config.update(STRICT))
    assert outcome(both) == "DIRECT"
    assert (ready(both), both.metric("cascade_config_pending")) == ("ready\n", 0)
    assert both.system.output().count("expected a number; found `low`") == 1


def test_nothing_is_applied_of_what_needs_a_restart(both: Pair):
    def change(config: dict[str, Any]) -> None:
        config["models"]["draft"].update(base_url="http://127.0.0.1:9", model="elsewhere")
        config.update(STRICT, workers=2)

    rewrite(both, change)
    until(lambda: both.metric("cascade_config_pending", reason="restart") == 1)
    said = ready(both)
    assert "models.draft.base_url: takes effect after a restart" in said
    assert "workers: takes effect after a restart" in said
    assert "router" not in said
    response = both.ask("/v1/messages", question("/v1/messages", EASY))
    assert told(response)[:2] == ("SKIPPED", "draft-small")


def test_hang_up_asks_for_a_look_at_once(both: Pair):
    process = both.system.process
    assert process is not None
    process.send_signal(signal.SIGHUP)
    until(lambda: "says what is in use already" in both.system.output())
    for pid in both.system.children().values():
        name = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"--worker" in name:
            os.kill(pid, signal.SIGHUP)  # as whoever signals the whole process group does
    rewrite(both, lambda config: config.update(STRICT))
    process.send_signal(signal.SIGHUP)
    until(lambda: outcome(both) == "DIRECT")


def test_it_is_switched_off_and_on_again_at_once(both: Pair):
    applied(both, lambda config: config.update(mode="off"))
    body = json.dumps(question("/v1/messages", HARD), indent=2).encode()
    response = both.client.post("/v1/messages", content=body)
    assert (response.headers["x-cascade-outcome"], newest(both.verify).body) == ("BYPASSED", body)
    applied(both, lambda config: config.update(mode="enforce"))
    assert outcome(both) == "SKIPPED"


def test_policies_and_allowances_come_and_go(both: Pair):
    daily = {"name": "red", "match": {"headers": {"x-simulate-verify": "*"}}, "set": {"daily": {"max_tokens": 1, "when_spent": "refuse"}}}
    applied(both, lambda config: config.update(policies=[daily]))
    assert outcome(both) == "SKIPPED"
    until(lambda: both.ask("/v1/messages").status_code == 429)
    override = {"name": "open", "set": {"client_override": True}}
    applied(both, lambda config: config.update(policies=[override]))
    response = both.client.post("/v1/messages", json=question("/v1/messages", EASY), headers={"x-cascade-plan": "direct"})
    assert told(response)[0] == "DIRECT"
    applied(both, lambda config: config.update(policies=[]))
    assert outcome(both) == "SKIPPED"


def test_all_workers_follow(tmp_path: Path):
    with pair(tmp_path, workers=2) as both:
        assert {outcome(both) for _ in range(12)} == {"SKIPPED"}
        rewrite(both, lambda config: config.update(STRICT))
        until(lambda: {outcome(both) for _ in range(12)} == {"DIRECT"})
        rewrite(both, lambda config: config.update(router={}, lisen=1))
        until(lambda: "lisen: unknown key" in ready(both))
        for name in ("worker 0", "worker 1"):
            os.kill(both.system.children()[name], signal.SIGKILL)
        until(both.system.is_ready_or_dead)
        until(lambda: {outcome(both) for _ in range(12)} == {"DIRECT"})
        until(lambda: both.metric("cascade_config_reloads_total") == 2)  # told by one worker, not by each


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_lost_when_the_file_changes_under_load(tmp_path: Path, workers: int):
    seen: Counter[str] = Counter()
    stop = threading.Event()
    states: list[dict[str, Any]] = [
        {"router": {}},
        STRICT,
        {"router": {"skip_below": "x"}},
        {"router": {}, "drain_s": 3},
        {"router": {}, "mode": "shadow"},
    ]
    with pair(tmp_path, workers=workers) as both:

        def load() -> None:
            with httpx.Client(base_url=both.system.url, timeout=30) as client:
                while not stop.is_set():
                    for words in (EASY, HARD):
                        response = client.post(
                            "/v1/messages", json=question("/v1/messages", words), headers={"x-simulate-verify": "verdict=accept"}
                        )
                        seen[f"{response.status_code} {told(response)[0]}"] += 1

        clients = [threading.Thread(target=load) for _ in range(8)]
        for client in clients:
            client.start()
        original = json.loads(both.system.config.read_text())
        try:
            for number in range(15):
                before = sum(seen.values())
                looked = both.metric("cascade_config_reloads_total")
                rewrite(both, lambda config, number=number: (config.clear(), config.update({**original, **states[number % len(states)]})))
                until(lambda looked=looked: both.metric("cascade_config_reloads_total") > looked, 60)
                until(lambda before=before: sum(seen.values()) > before + 40, 60)
        finally:
            stop.set()
            for client in clients:
                client.join()
        results = {one: both.metric("cascade_config_reloads_total", result=one) for one in ("applied", "invalid", "restart", "unchanged")}
    print(f"{workers} workers: {sum(seen.values())} requests, {dict(seen)}, reloads {results}")
    assert set(seen) <= {"200 SKIPPED", "200 DIRECT", "200 ACCEPTED"}, seen
    assert min(results["applied"], results["invalid"], results["restart"]) > 0


def test_it_ends_with_its_terminal(tmp_path: Path, both: Pair):
    """A hang-up because the terminal is gone is not one that asks for a look."""
    (tmp_path / "other").mkdir()
    system = System(tmp_path / "other", models(both.draft.url, both.verify.url, api_key_env=None))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "extproc", "up", "--config", str(system.config)],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    try:
        os.close(theirs)
        system.process = process
        until(system.is_ready_or_dead, 60)
        assert httpx.post(f"{system.url}/v1/messages", json=body_of("/v1/messages", "Hello!")).status_code == 200
        children = system.children()
        os.close(ours)
        assert process.wait(40) == 0
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
