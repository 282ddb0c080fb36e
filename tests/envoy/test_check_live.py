"""`extproc check --live` on a pair that serves, and on all that looks like one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from extproc.envoyconf.parts import EXT_PROC
from tests.envoy.conftest import Cascade, models
from tests.support.background import Background
from tests.support.envoy import KEYS, Envoy
from tests.support.plain import Plain
from tests.support.serve import serving
from tests.support.system import ROOT, free_ports

pytestmark = pytest.mark.envoy
DIALECTS = ["anthropic", "openai_chat", "openai_responses"]


def live(config: Path, *args: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "extproc", "check", "--live", "--config", str(config), *args]
    environ = {**os.environ, **KEYS, "PYTHONPATH": str(ROOT), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def looked(config: Path) -> tuple[int, dict[str, Any], list[bool]]:
    """Give the exit code, all that was told, and of each route whether it passes."""
    code, text = live(config, "--json")
    told = json.loads(text)
    assert told["ok"] is (code == 0)
    return code, told, [one["passes"] for one in told["routes"]]


@pytest.fixture
def provider() -> Iterator[Plain]:
    """Answers everything with 200, a probe, too."""
    with Background(Plain()) as plain:
        yield plain


def written(folder: Path, envoy: Envoy, **more: Any) -> Path:
    file = folder / "cascade.yaml"
    file.write_text(json.dumps({**json.loads(envoy.config.model_dump_json(by_alias=True, exclude_unset=True)), **more}))
    return file


def without_filter(envoy: Envoy, meant: Callable[[str], bool]) -> None:
    """Take the filter off the routes that are meant."""
    yaml = YAML(typ="safe", pure=True)
    bootstrap = yaml.load(envoy.runtime.bootstrap)
    for listener in bootstrap["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
            if meant(route["name"]):
                route["typed_per_filter_config"].pop(EXT_PROC, None)
    envoy.runtime.bootstrap.write_text(json.dumps(bootstrap))


def test_a_pair_that_serves(cascade: Cascade):
    before = httpx.get(f"{cascade.system.admin}/api/summary").json()["all"]["requests"]
    asked = [len(provider.requests) for provider in (cascade.draft, cascade.verify)]
    code, told, passes = looked(cascade.system.config)
    assert (code, told["verdict"], told["ready"]["told"]) == (0, "requests pass through the sidecar", "ready")
    assert [one["what"] for one in told["routes"]] == ["any request", *DIALECTS]
    assert passes == [True] * 4
    assert told["envoy"]["handed_over"] >= 4
    code, text = live(cascade.system.config)
    assert (code, text.count("\n  yes ")) == (0, 5)
    cascade.system.record(cascade.ask("Hello!").headers["x-cascade-trace-id"])
    assert httpx.get(f"{cascade.system.admin}/api/summary").json()["all"]["requests"] == before + 1, "probes are no requests"
    assert [len(provider.requests) for provider in (cascade.draft, cascade.verify)] == [asked[0] + 1, asked[1]], "no model is asked"


def test_a_dead_sidecar(tmp_path: Path, provider: Plain):
    admin = f"127.0.0.1:{free_ports(1)[0]}"
    with Envoy(tmp_path, models(provider.url, provider.url), admin=admin) as envoy:
        code, told, passes = looked(written(tmp_path, envoy))
        assert (code, passes) == (1, [False] * 4)
        assert told["verdict"] == "BYPASSED: requests reach providers without the sidecar"
        assert told["ready"]["told"] == "no answer (ConnectError)"
        assert told["envoy"]["failed_open"] >= 4
    assert {request.header("authorization") for request in provider.requests} == {None}
    assert [request.target.partition("?")[0] for request in provider.requests] == [
        "/v1/messages",
        "/v1/chat/completions",
        "/v1/responses",
    ]


@pytest.mark.parametrize(
    ("meant", "passing", "verdict"),
    [
        ("", [False] * 4, "BYPASSED: requests reach providers without the sidecar"),
        ("/v1/responses", [True, True, True, False], "BYPASSED in part"),
    ],
)
def test_an_envoy_without_the_filter(tmp_path: Path, provider: Plain, meant: str, passing: list[bool], verdict: str):
    admin = f"127.0.0.1:{free_ports(1)[0]}"
    envoy = Envoy(tmp_path, models(provider.url, provider.url), admin=admin)
    file = written(tmp_path, envoy)
    with envoy, serving(envoy, file, admin, tmp_path / "log"):
        assert looked(file)[0] == 0
    without_filter(envoy, lambda name: name.startswith(meant))
    with envoy, serving(envoy, file, admin, tmp_path / "log", path="/healthz"):
        code, told, passes = looked(file)
        assert (code, passes, told["verdict"]) == (1, passing, verdict)
        assert told["ready"]["passes"] is passing[0]


def test_nobody_there_and_nobody_asked_for(tmp_path: Path, provider: Plain):
    admin = f"127.0.0.1:{free_ports(1)[0]}"
    envoy = Envoy(tmp_path, models(provider.url, provider.url), admin=admin, mode="off")
    file = written(tmp_path, envoy, mode="enforce")
    assert looked(file)[1]["verdict"] == "DOWN: Envoy does not answer"
    file = written(tmp_path, envoy)
    with envoy, serving(envoy, file, admin, tmp_path / "log"):
        code, text = live(file)
    assert (code, text.splitlines()[0]) == (1, "BYPASSED: mode is off, so the sidecar gets no requests")
    assert provider.requests == []
