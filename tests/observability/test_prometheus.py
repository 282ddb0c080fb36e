"""Alerts and dashboard on the real promtool and the real Prometheus."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.observability.dashboard import FOLDER, RULES, TESTS, questions, write_rules
from tests.observability.mixed import Mixed, mixed
from tests.support.pair import PATHS
from tests.support.system import free_ports, until

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(300)]
_JOBS = ("enforcing", "shadow", "narrow")


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"needs {name} on PATH; Debian's package prometheus has it"
    return found


def _promtool(*arguments: str | Path) -> str:
    done = subprocess.run([_program("promtool"), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid_and_do_as_their_tests_say():
    assert f"{len(RULES)} rules found" in _promtool("check", "rules", FOLDER / "alerts.yaml")
    assert "SUCCESS" in _promtool("test", "rules", FOLDER / "alerts_test.yaml")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_is_tested_both_ways_and_says_what_to_do(rule: dict[str, Any]):
    name = f'alertname="{rule["alert"]}"'
    expected = {
        sample["value"] for test in TESTS for one in test["promql_expr_test"] if name in one["expr"] for sample in one["exp_samples"]
    }
    assert expected == {0, 1}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert len(rule["annotations"]["runbook"]) > 60 or rule["labels"]["severity"] == "info"


def test_every_panel_asks_in_proper_promql(tmp_path: Path):
    asked = [expr for exprs in questions().values() for expr in exprs]
    write_rules(tmp_path / "rules.json", asked)
    assert f"{len(asked)} rules found" in _promtool("check", "rules", tmp_path / "rules.json")


class Prometheus:
    """A real Prometheus that reads every half second, with our rules."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def ask(self, expr: str) -> list[float]:
        """The values of an instant query that are numbers."""
        found = [float(one["value"][1]) for one in self.get("query", query=expr)["result"]]
        return [value for value in found if not math.isnan(value)]


@contextmanager
def _prometheus(folder: Path, targets: dict[str, str]) -> Iterator[Prometheus]:
    (port,) = free_ports(1)
    jobs = [{"job_name": name, "static_configs": [{"targets": [target]}]} for name, target in targets.items()]
    often = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"}
    config = folder / "prometheus.json"
    config.write_text(json.dumps({"global": often, "rule_files": [str(FOLDER / "alerts.yaml")], "scrape_configs": jobs}))
    argv = [
        _program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*argv, "--enable-feature=exemplar-storage"], stdout=log, stderr=log, cwd=folder)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or _answers(url), 60)
        assert process.poll() is None, (folder / "log").read_text()
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, Mixed]]:
    """Traffic before and after a reading, for a counter that is new has not grown yet."""
    folder = tmp_path_factory.mktemp("watched")
    with mixed(folder) as running:
        targets = {job: getattr(running, job).system.admin.removeprefix("http://") for job in _JOBS}
        with _prometheus(folder, targets) as prometheus:
            running.send(PATHS[0], stream=False)
            until(lambda: len(prometheus.ask("cascade_inflight")) == len(_JOBS))
            until(lambda: prometheus.ask("cascade_telemetry_dropped_total"), 40)
            time.sleep(1.2)
            running.send(PATHS[0], stream=True)
            running.send(PATHS[1], stream=False)
            requests = {job: getattr(running, job).metric("cascade_requests_total") for job in _JOBS}
            until(lambda: all(prometheus.ask(f'sum(cascade_requests_total{{job="{job}"}})') == [requests[job]] for job in _JOBS))
            yield prometheus, running


@pytest.mark.parametrize("title", questions())
def test_every_panel_shows_something(watched: tuple[Prometheus, Mixed], title: str):
    prometheus, _ = watched
    for expr in questions(interval="1m", span="5m")[title]:
        assert prometheus.ask(expr), f"no number for {expr}"


def test_a_panel_shows_one_job_alone(watched: tuple[Prometheus, Mixed]):
    prometheus, running = watched
    outcomes = prometheus.get("query", query=questions(job="shadow", interval="1m")["Requests by outcome"][0])["result"]
    assert {one["metric"]["outcome"] for one in outcomes} == {"DIRECT"}
    saved = prometheus.ask(questions(job="enforcing")["Saved since the start"][0])
    assert saved == [running.enforcing.metric("cascade_saved_usd_total")]


def test_exemplars_lead_to_traces(watched: tuple[Prometheus, Mixed]):
    prometheus, running = watched
    now = time.time()
    found = prometheus.get("query_exemplars", query="cascade_request_seconds_bucket", start=str(now - 300), end=str(now))
    named = {one["labels"]["trace_id"] for series in found if series["seriesLabels"]["job"] == "enforcing" for one in series["exemplars"]}
    assert named
    assert named <= {record["trace_id"] for record in running.enforcing.system.decisions()}


def test_all_rules_are_evaluated_and_a_silent_processor_is_pending(watched: tuple[Prometheus, Mixed]):
    prometheus, _ = watched

    def health() -> dict[str, str]:
        return {rule["name"]: rule["health"] for rule in prometheus.get("rules")["groups"][0]["rules"]}

    until(lambda: set(health().values()) <= {"ok", "err"})
    assert health() == dict.fromkeys((rule["alert"] for rule in RULES), "ok")
    passed_by = 'ALERTS{alertname="CascadeProcessorBypassed", job="narrow"}'
    until(lambda: prometheus.ask(passed_by))
    assert prometheus.ask('ALERTS{alertname="CascadeProcessorBypassed", job!="narrow"}') == []
    summaries = [alert["annotations"]["summary"] for alert in prometheus.get("alerts")["alerts"]]
    assert "narrow: requests go by without the processor" in summaries
    assert not [text for text in summaries if re.search(r"[{}]|<no value>|%!", text)]
