"""`extproc demo --jaeger`: a Jaeger that answers is found, and anything else is told apart, before anything starts."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from extproc.cli.demo import command
from extproc.demo.jaeger import Jaeger, NoJaegerError, find
from extproc.demo.run import configuration
from tests.support.background import Background
from tests.support.plain import Plain
from tests.support.system import free_ports


def test_one_that_answers_is_found_with_its_usual_port_for_spans(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    with Background(Plain(body=b'{"services": ["envoy"]}')) as server:
        assert find(f"{server.url}/") == Jaeger(server.url, "http://127.0.0.1:4317")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:5317")
        assert find(server.url).otlp == "http://127.0.0.1:5317"


@pytest.mark.parametrize("body", [b"<html>another page</html>", b"[]", b"\xff"])
def test_what_is_none_is_told_apart(body: bytes):
    with Background(Plain(body=body)) as server, pytest.raises(NoJaegerError, match=server.url):
        find(server.url)


@pytest.mark.parametrize("url", ["127.0.0.1:16686", "nonsense", "http://[::1", ""])
def test_what_is_no_address_is_told(url: str):
    with pytest.raises(NoJaegerError, match="no Jaeger answers on"):
        find(url)


def test_without_one_nothing_starts():
    (port,) = free_ports(1)
    done = CliRunner().invoke(command, ["--jaeger", f"http://127.0.0.1:{port}", "--exit"])
    assert done.exit_code == 1
    assert done.output == f"Error: no Jaeger answers on http://127.0.0.1:{port}; `make jaeger` starts one, `make demo-jaeger` both\n"


def test_traces_and_links_go_there():
    told = configuration("http://127.0.0.1:1", "http://127.0.0.1:2", Jaeger("http://127.0.0.1:16686", "http://127.0.0.1:4317")).telemetry
    assert (told.otlp_endpoint, told.trace_url) == ("http://127.0.0.1:4317", "http://127.0.0.1:16686/trace/{trace_id}")
    assert configuration("http://127.0.0.1:1", "http://127.0.0.1:2").telemetry.otlp_endpoint == ""
