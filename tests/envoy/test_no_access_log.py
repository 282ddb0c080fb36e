"""An Envoy of somebody else's, which has ext_proc but no access log for us: said once, and costs are unknown, not zero."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from extproc.app.plant import prepare
from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.envoy import KEYS, Envoy
from tests.support.system import ROOT, free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow, pytest.mark.timeout(240)]

PATIENCE_S = 60


def _without_access_log(bootstrap: Path) -> None:
    """Take the log of records out of a bootstrap."""
    yaml = YAML(typ="safe")
    made: dict[str, Any] = yaml.load(bootstrap)
    client = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    kept = [log for log in client["access_log"] if log["name"] != "envoy.access_loggers.http_grpc"]
    assert len(kept) == len(client["access_log"]) - 1
    client["access_log"] = kept
    yaml.dump(made, bootstrap)


@contextmanager
def _sidecar(envoy: Envoy, log: Path) -> Iterator[None]:
    """Run one worker beside an Envoy that runs already."""
    prepare(envoy.config, envoy.runtime)
    argv = [sys.executable, "-m", "extproc", "serve", "--worker", "0", "--runtime-dir", str(envoy.runtime.root)]
    with log.open("wb") as out, subprocess.Popen(argv, stdout=out, stderr=out, cwd=ROOT) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def test_that_nothing_is_recorded_is_said_once_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in KEYS.items():
        monkeypatch.setitem(os.environ, name, value)
    (port,) = free_ports(1)
    admin, log = f"127.0.0.1:{port}", tmp_path / "log"
    with Background(Simulator(Profile(name="draft"))) as draft, Background(Simulator(Profile(name="verify"))) as verify:
        envoy = Envoy(tmp_path, models(draft.url, verify.url), admin=admin)
        _without_access_log(envoy.runtime.bootstrap)
        with envoy, _sidecar(envoy, log):
            until(lambda: _get(f"http://{admin}/readyz") == 200, 30)
            for _ in range(4):
                response = httpx.post(f"{envoy.url}/v1/messages", json=body_of("/v1/messages", "Hello!"), timeout=30)
                assert (response.status_code, response.headers["x-cascade-outcome"]) == (200, "SKIPPED")
            until(lambda: "no_access_log" in log.read_text(), PATIENCE_S + 30)
            httpx.post(f"{envoy.url}/v1/messages", json=body_of("/v1/messages", "Hello!"), timeout=30)
            until(lambda: 'cascade_cost_unknown_total{role="none"} 5.0' in httpx.get(f"http://{admin}/metrics").text)
            assert "cascade_cost_usd_total{" not in httpx.get(f"http://{admin}/metrics").text
            assert httpx.get(f"http://{admin}/api/summary").json()["all"]["requests"] == 0
    (line,) = [json.loads(line) for line in log.read_text().splitlines() if "no_access_log" in line]
    assert (line["level"], "gRPC access log" in line["message"]) == ("warning", True)


def _get(url: str) -> int:
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.HTTPError:
        return 0
