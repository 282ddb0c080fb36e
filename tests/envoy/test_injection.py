"""Names and headers that would like to be something else: another header, another line of the log, another metric, a terminal's command."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.background import Background
from tests.support.pair import EASY, HARD, question
from tests.support.plain import ANSWER, Plain
from tests.support.system import System, until

pytestmark = pytest.mark.envoy
FORGED = '{"event":"forged","outcome":"ACCEPTED"}'
EVIL = f'a\r\nx-forged: 1\r\n\r\n\x1b[2J\x9b31m\u2028\u202e{FORGED}\n{FORGED}\nforged{{x="1"}} 1\n\x00'
PRICE = {"price_usd_per_mtok": {"input": 1.0, "output": 2.0}}
REQUESTS = {
    "carried": question("/v1/messages", EASY),
    "held": question("/v1/messages", HARD),
    "held stream": question("/v1/messages", HARD, stream=True),
    "with tools": question("/v1/messages", EASY, tools=[{"name": EVIL, "input_schema": {"type": "object"}}]),
    "chat": question("/v1/chat/completions", HARD),
}


@dataclass(frozen=True)
class Told:
    """What a system told whom while it was asked for all that."""

    answers: dict[str, bytes]
    log: str
    metrics: str
    decisions: str


def _evil_answer() -> bytes:
    return json.dumps({**json.loads(ANSWER), "model": EVIL, "id": EVIL, "content": [{"type": "text", "text": EVIL}]}).encode()


def _send(port: int, path: bytes, body: bytes) -> bytes:
    """Send a request with headers that no HTTP library would send."""
    evil = b'\xff\xfe\xc3(\x9b31m\xe2\x80\xa8forged"} 1'
    lines = [
        b"POST " + path + b" HTTP/1.1",
        b"host: gateway",
        b"connection: close",
        b"content-length: %d" % len(body),
        *[
            name + b": " + evil
            for name in (b"x-team", b"traceparent", b"tracestate", b"user-agent", b"x-api-key", b"x-cascade-plan", evil[-6:-4])
        ],
    ]
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        while data := client.recv(65_536):
            got += data
    return got


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with Background(Plain(body=_evil_answer())) as draft, Background(Plain(body=_evil_answer())) as verify:
        models = {
            "draft": {"model": "draft-small", "dialect": "anthropic", "base_url": draft.url, **PRICE},
            "verify": {"dialect": "anthropic", "base_url": verify.url, **PRICE},
        }
        policies = [{"name": "all", "set": {"daily": {"usd": 1000, "team": "header:x-team"}}}]
        with System(tmp_path_factory.mktemp("system"), models, policies=policies) as system:
            answers = {}
            for name, body in REQUESTS.items():
                path = b"/v1/chat/completions" if name == "chat" else b"/v1/messages"
                answers[name] = _send(system.port, path, json.dumps({**body, "model": EVIL}).encode())
            until(lambda: len(system.decisions()) == len(REQUESTS))
            metrics = httpx.get(f"{system.admin}/metrics").text
            decisions = httpx.get(f"{system.admin}/api/decisions").text
            until(lambda: system.log.read_text(errors="replace").count('"event":"request"') == len(REQUESTS))
        yield Told(answers, system.log.read_bytes().decode(), metrics, decisions)


def test_they_are_served(told: Told):
    decisions = json.loads(told.decisions)["decisions"]
    assert {"SKIPPED", "ENHANCED", "DIRECT", "FAILED"} == {one["outcome"] for one in decisions}, "FAILED: an answer that is no stream"
    assert {one["team"] for one in decisions} != {""}
    assert all("forged" in one["requested_model"] for one in decisions)


@pytest.mark.parametrize("name", REQUESTS)
def test_no_header_is_added_to_an_answer(told: Told, name: str):
    head = told.answers[name].partition(b"\r\n\r\n")[0]
    first, *lines = head.decode("ascii").split("\r\n")  # nothing else in it, not even of a name
    assert first.startswith("HTTP/1.1 ")
    names = [line.partition(":")[0] for line in lines]
    assert not [one for one in names if "forged" in one]
    assert all(line.isprintable() for line in lines)
    assert len({one for one in names if one.startswith("x-cascade-")}) == len([one for one in names if one.startswith("x-cascade-")])


def test_every_line_of_the_log_is_ours(told: Told):
    lines = told.log.split("\n")
    ours = [json.loads(line.removeprefix("[worker 0] ")) for line in lines if line.startswith("[worker 0] {")]
    assert [one["event"] for one in ours].count("request") == len(REQUESTS)
    assert "forged" not in {one["event"] for one in ours}
    assert [line for line in lines if not line.startswith(("[worker 0] {", "[envoy] ", "extproc: ")) and line] == []
    assert all(line.isprintable() for line in lines), "no terminal obeys it"
    assert "\u2028" not in told.log


def test_no_metric_is_added(told: Told):
    families = list(text_string_to_metric_families(told.metrics))
    assert [one.name for one in families if not one.name.startswith(("cascade_", "python_", "process_"))] == []
    labels = {value for family in families for sample in family.samples for value in sample.labels.values()}
    assert all(value.isascii() and value.isprintable() for value in labels)


def test_decisions_are_what_they_were(told: Told):
    decisions = json.loads(told.decisions)["decisions"]
    assert len(decisions) == len(REQUESTS)
    shown = [one[key] for one in decisions for key in ("model", "requested_model", "team", "trace_id", "path", "dialect", "error")]
    assert all(value.isascii() and value.isprintable() for value in shown)
    assert all(len(value) <= 200 for value in shown)
