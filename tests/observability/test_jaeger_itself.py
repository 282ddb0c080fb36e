"""What we ship for Jaeger, held against the real one: its configurations, its page, our reading of it, on spans made by hand."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.jaeger import Jaeger
from tests.support.system import ROOT, free_ports, until
from tools.jaeger.run import CONFIG, UI_CONFIG, Ports, answer, at_hand

pytestmark = pytest.mark.jaeger

_COLLECTOR = CONFIG.with_name("collector.yaml")


def _span(name: str, span: str, parent: str, begin_ms: int, ms: int, attributes: dict[str, str], *, failed: bool = False) -> dict[str, Any]:
    start = (time.time_ns() // 10**9 * 10**9) + begin_ms * 10**6
    told = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + ms * 10**6)}
    status = {"code": 2, "message": "status_503"} if failed else {}
    return {"spanId": span, "parentSpanId": parent, "name": name, "kind": 3 if parent else 1, "attributes": told, "status": status, **times}


def _send(url: str, trace_id: str, spans: list[dict[str, Any]]) -> None:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "cascade-extproc"}}]}
    told = [{**span, "traceId": trace_id} for span in spans]
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "hand"}, "spans": told}]}]}
    httpx.post(f"{url}/v1/traces", json=body).raise_for_status()


def _rescued(trace_id: str) -> list[dict[str, Any]]:
    root = "a1" * 8
    return [
        _span("cascade RESCUED", root, "", 0, 900, {"cascade.plan": "draft", "cascade.outcome": "RESCUED", "another": trace_id}),
        _span("chat draft-small", "b2" * 8, root, 10, 40, {"gen_ai.request.model": "draft-small"}, failed=True),
        _span("chat claude-opus-4-8", "c3" * 8, root, 60, 800, {"gen_ai.request.model": "claude-opus-4-8"}),
    ]


@pytest.mark.parametrize("file", [CONFIG, _COLLECTOR], ids=lambda file: file.name)
def test_its_configurations_are_valid(file: Path):
    binary = at_hand()
    assert binary is not None
    done = subprocess.run([binary, "validate", "--config", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_sent_is_read_back(jaeger: Jaeger):
    trace_id = secrets.token_hex(16)
    _send(jaeger.otlp_http, trace_id, _rescued(trace_id))
    trace = jaeger.whole(trace_id, 3)
    assert trace.tree() == (
        "cascade-extproc: cascade RESCUED\n  cascade-extproc: chat draft-small\n  cascade-extproc: chat claude-opus-4-8\n"
    )
    draft = trace.named("chat draft-small")
    assert (draft.failed, draft.kind, draft.end - draft.start) == (True, "CLIENT", 40_000_000)
    assert trace.named("cascade RESCUED").attributes["cascade.outcome"] == "RESCUED"
    assert jaeger.traces("cascade-extproc")[trace_id] == 3
    assert "cascade RESCUED" in jaeger.operations("cascade-extproc")
    assert jaeger.trace("ff" * 16) == ()


def test_its_warnings_are_seen(jaeger: Jaeger):
    """So that their absence elsewhere means something."""
    trace_id = secrets.token_hex(16)
    _send(jaeger.otlp_http, trace_id, [_span("chat draft-small", "b2" * 8, "d4" * 8, 0, 1, {})])
    jaeger.whole(trace_id, 1)
    assert "@jaeger@warnings" in jaeger.trace(trace_id, raw=False)[0].attributes


def test_our_page_shows_a_trace_and_the_newest(jaeger: Jaeger, tmp_path: Path):
    trace_id = secrets.token_hex(16)
    _send(jaeger.otlp_http, trace_id, _rescued(trace_id))
    jaeger.whole(trace_id, 3)
    shown = _dom(f"{jaeger.url}/trace/{trace_id}", tmp_path)
    for text in ("<h1>cascade RESCUED</h1>", "3 spans, 900.0 ms", "chat draft-small", 'class="CLIENT wrong"', "status_503"):
        assert text in shown
    assert shown.index("<dt>cascade.outcome</dt>") < shown.index("<dt>cascade.plan</dt>") < shown.index("<dt>another</dt>")
    assert f'href="trace/{trace_id}">cascade RESCUED</a>' in _dom(f"{jaeger.url}/search", tmp_path)
    assert "This trace is not here (yet)." in _dom(f"{jaeger.url}/trace/{'ee' * 16}", tmp_path)


def _dom(url: str, folder: Path) -> str:
    """The page as Chromium has it once its script has run."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "needs Chromium on PATH (Debian: apt-get install --no-install-recommends chromium)"
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--user-data-dir={folder / 'profile'}")
    argv = [chromium, *flags, "--virtual-time-budget=5000", "--dump-dom", url]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_page_is_told_what_comes_first(jaeger: Jaeger):
    """As Jaeger's own is: it puts its settings into a line of the page."""
    told = re.search(r"JAEGER_CONFIG = (\{.*\});", httpx.get(f"{jaeger.url}/search").text)
    assert told is not None
    assert json.loads(told[1])["topTagPrefixes"] == ["cascade.outcome", "cascade."] == json.loads(UI_CONFIG.read_text())["topTagPrefixes"]


def test_a_command_runs_beside_the_real_one():
    (free,) = free_ports(1)
    ports = Ports(max(1, min(free, 48_000) - 4317))
    code = "import os, urllib.request as r; print(r.urlopen(os.environ['JAEGER_URL'] + '/api/v3/services').read().decode())"
    argv = [sys.executable, "-m", "tools.jaeger", "--offset", str(ports.offset), "while", sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, {}), done.stderr
    assert answer(ports.health) is None


def test_the_collector_keeps_what_tells_something(jaeger: Jaeger, tmp_path: Path):
    """The collector of the Kubernetes trial, which is a Jaeger binary as well, with a short wait and none of the rest kept."""
    health, grpc, http = free_ports(3)
    binary = at_hand()
    assert binary is not None
    config = (
        _COLLECTOR.read_text()
        .replace("decision_wait: 30s", "decision_wait: 1s")
        .replace("sampling_percentage: 10", "sampling_percentage: 0")
    )
    for usual, port in ((13133, health), (4317, grpc), (4318, http)):
        config = config.replace(f"127.0.0.1}}:{usual}", f"127.0.0.1}}:{port}")
    (tmp_path / "collector.yaml").write_text(config)
    environ = {"JAEGER_OTLP": jaeger.otlp.removeprefix("http://")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([binary, "--config", tmp_path / "collector.yaml"], env=environ, stdout=log, stderr=log)
    try:
        until(lambda: answer(f"http://127.0.0.1:{health}/status") is not None)
        dull, telling, late = (secrets.token_hex(16) for _ in range(3))
        _send(f"http://127.0.0.1:{http}", dull, [_span("cascade SKIPPED", "a1" * 8, "", 0, 9, {"cascade.outcome": "SKIPPED"})])
        _send(f"http://127.0.0.1:{http}", telling, _rescued(telling))
        jaeger.whole(telling, 3)
        _send(f"http://127.0.0.1:{http}", late, _rescued(late)[1:])
        jaeger.whole(late, 2)  # a failed call decides
        _send(f"http://127.0.0.1:{http}", late, _rescued(late)[:1])
        assert jaeger.whole(late, 3).below(None)[0].name == "cascade RESCUED"
        assert jaeger.trace(dull) == ()
    finally:
        process.terminate()
        process.wait(20)
