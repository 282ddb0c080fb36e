"""How a Jaeger is found and run, on programs that only pretend to be one."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.system import ROOT, free_ports, until
from tools.jaeger import build, run

# Answers every GET with JSON on the ports that it is told, as Jaeger's `--set` and an engine's `--publish` tell them.
_PRETENDER = f"""\
#!{sys.executable}
import json, re, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
arguments = sys.argv[1:]
with Path(__file__).with_suffix(".log").open("a") as log:
    log.write(json.dumps(arguments) + "\\n")
if arguments[0] in ("validate", "info", "pull", "image"):
    sys.exit(CODES.get(arguments[0], 0))
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{{}}")
    def log_message(self, *_):
        pass
told = " ".join(arguments)
ports = re.findall(r"127.0.0.1:(\\d+)(?= |$|:13133|:16686)", told)
servers = [ThreadingHTTPServer(("127.0.0.1", int(port)), Answer) for port in ports]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what a test puts there, and an empty cache."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return programs


def _pretend(program: Path, **codes: int) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_PRETENDER.replace("CODES", repr(codes)))
    program.chmod(0o755)


def _calls(program: Path) -> list[list[str]]:
    return [json.loads(line) for line in program.with_suffix(".log").read_text().splitlines()]


def _offset() -> int:
    """A move that leads to free ports, as far as one can know."""
    while True:
        (port,) = free_ports(1)
        offset = max(1, port - max(run.Ports().listeners.values()))
        if not any(_is_taken(each) for each in run.Ports(offset).listeners.values()):
            return offset


def _is_taken(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _jaeger(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tools.jaeger", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_binary_on_path_comes_first_then_the_cache_then_an_engine_then_a_build(place: Path):
    assert _jaeger("which").stdout == f"a build of {build.binary()}\n"
    _pretend(place / "podman")
    assert _jaeger("which").stdout.endswith("with podman\n")
    _pretend(place / "docker")
    assert _jaeger("which").stdout.endswith("with docker\n")
    _pretend(build.binary())
    assert _jaeger("which").stdout == f"the binary {build.binary()}\n"
    _pretend(place / "jaeger")
    assert _jaeger("which").stdout == f"the binary {place / 'jaeger'}\n"


def test_what_does_not_work_is_passed_over(place: Path):
    _pretend(place / "docker", info=1)
    _pretend(place / "jaeger", validate=1)
    done = _jaeger("which")
    assert done.stdout == f"a build of {build.binary()}\n"
    assert "is no Jaeger v2" in done.stderr


def test_it_runs_as_long_as_a_command_that_is_told_where(place: Path):
    _pretend(place / "jaeger")
    offset = _offset()
    show = "import os, sys; print(os.environ['JAEGER_URL'], os.environ['OTEL_EXPORTER_OTLP_ENDPOINT']); sys.exit(7)"
    done = _jaeger("--offset", str(offset), "while", sys.executable, "-c", show)
    assert done.returncode == 7
    assert done.stdout.split() == [f"http://127.0.0.1:{16686 + offset}", f"http://127.0.0.1:{4317 + offset}"]
    assert run.answer(run.Ports(offset).health) is None
    assert _calls(place / "jaeger")[-1][:2] == ["--config", str(run.CONFIG)]


def test_one_that_runs_is_used_and_left_alone(place: Path):
    _pretend(place / "jaeger")
    offset = _offset()
    runs = subprocess.Popen([sys.executable, "-m", "tools.jaeger", "--offset", str(offset), "run"], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        until(lambda: run.answer(run.Ports(offset).health) is not None)
        done = _jaeger("--offset", str(offset), "while", sys.executable, "-c", "pass")
        assert (done.returncode, "using the Jaeger that runs" in done.stderr) == (0, True)
        assert run.answer(run.Ports(offset).health) is not None
        second = _jaeger("--offset", str(offset), "run")
        assert (second.returncode, "--offset 1000 takes other ports" in second.stderr) == (1, True)
    finally:
        runs.send_signal(signal.SIGTERM)
        _, said = runs.communicate(timeout=20)
    assert f"ready on http://127.0.0.1:{16686 + offset}" in said.decode()
    assert run.answer(run.Ports(offset).health) is None


def test_an_engine_publishes_on_loopback_only(place: Path):
    _pretend(place / "docker", image=1)
    offset = _offset()
    assert _jaeger("--offset", str(offset), "while", sys.executable, "-c", "pass").returncode == 0
    *_, pulled, argv = _calls(place / "docker")
    assert pulled == ["pull", run.IMAGE]
    published = [one.removeprefix("--publish=") for one in argv if one.startswith("--publish=")]
    assert published == [f"127.0.0.1:{port + offset}:{port}" for port in run.Ports().listeners.values()]
    mounted = [one.removeprefix("--volume=").split(":") for one in argv if one.startswith("--volume=")]
    assert [(Path(source), mode) for source, _, mode in mounted] == [(run.CONFIG, "ro"), (run.UI_CONFIG, "ro")]
    assert argv[argv.index(run.IMAGE) :] == [run.IMAGE, "--config", mounted[0][1]]


def test_where_nothing_works_it_says_what_would(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(build, "_version", lambda _: (1, 19))
    told: list[str] = []
    with pytest.raises(build.BuildError, match="no `jaeger` on PATH, no container engine, and no Go to build it with"):
        build.build(told.append)
    assert "5 to 15 minutes" in told[0]
    assert not build.binary().exists()


def test_a_build_that_fails_leaves_nothing_and_says_why(place: Path, monkeypatch: pytest.MonkeyPatch):
    go = place / "go"
    go.write_text('#!/bin/sh\ncase "$1" in env) echo go1.30.1 ;; list) echo one ;; *) echo "no space left" >&2; exit 1 ;; esac\n')
    go.chmod(0o755)
    with pytest.raises(build.BuildError, match="no space left"):
        build.build(lambda _: None)
    assert [path for path in build.binary().parent.iterdir() if path.is_file()] == []


def test_the_release_is_the_one_of_go_mod():
    assert build.binary().parts[-3:] == ("cascade-extproc", "jaeger-v1.76.0", "jaeger")
