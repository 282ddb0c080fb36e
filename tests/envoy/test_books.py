"""The books balance: tokens and money by the providers' bytes, the metrics, the decisions, the log and the report."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import books
from tests.support.books import Asked, Books, mark
from tests.support.pair import EASY, HARD, PATHS, Pair, pair, question, steering, told
from tests.support.system import ROOT, until

pytestmark = pytest.mark.envoy

LONG = "The sky is blue because of how light is scattered. " * 150


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of request: how the providers behave, and what is to come of it."""

    outcome: str
    words: str
    draft: str = ""
    verify: str = ""
    tools: bool = False
    leaves: bool = False
    """The client leaves when the model that hangs (or stalls) has been asked."""
    known: bool = True


CASES = (
    Case("SKIPPED", EASY),
    Case("SKIPPED", EASY, draft="words=70"),
    Case("DIRECT", EASY, tools=True, verify="words=60"),
    Case("DIRECT", EASY, tools=True, verify="status=500"),
    Case("ACCEPTED", HARD, verify="verdict=accept"),
    Case("ENHANCED", HARD, draft="text=Maybe.", verify="words=90"),
    Case("RESCUED", HARD, draft="status=503", verify="words=30"),
    Case("RESCUED", HARD, draft="empty"),
    Case("RESCUED", EASY, draft="status=429"),
    Case("FALLBACK", HARD, verify="status=500"),
    Case("FAILED", HARD, draft="status=400", verify="status=429"),
    Case("FAILED", HARD, verify="hang", leaves=True),
    Case("FAILED", HARD, draft="hang", leaves=True),
    Case("SKIPPED", EASY, draft="hang", leaves=True),
    Case("SKIPPED", EASY, draft="words=80; stall=20", leaves=True, known=False),
)


def _body(case: Case, path: str, number: int, *, stream: bool, cached: bool) -> dict[str, Any]:
    words = f"{case.words} {mark(number)}"
    body = question(path, words, stream=stream)
    if case.tools:
        shape = {"name": "read", "description": "Read a file.", "parameters": {"type": "object"}}
        body["tools"] = [
            {"name": "read", "input_schema": {"type": "object"}}
            if path == "/v1/messages"
            else {"type": "function", "function": shape}
            if path == "/v1/chat/completions"
            else {"type": "function", **shape}
        ]
    if cached:
        first: Any = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}] if path == "/v1/messages" else LONG
        turns = [{"role": "user", "content": first}, {"role": "assistant", "content": "I see."}, {"role": "user", "content": words}]
        body["input" if path == "/v1/responses" else "messages"] = turns
    return body


def _left(both: Pair, case: Case, path: str, body: dict[str, Any]) -> None:
    """Send a request and leave when the provider that will not answer has been asked, or has sent some."""
    raw = json.dumps(body).encode()
    how = "".join(f"{name}: {value}\r\n" for name, value in steering(case.draft, case.verify).items())
    name = books.mark(int(raw.partition(b"mark-")[2][:5])).encode()
    provider = both.draft if case.draft else both.verify
    with socket.create_connection(("127.0.0.1", both.system.port), 10) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(raw)}\r\n{how}\r\n".encode() + raw)
        if not case.known:
            assert client.recv(100_000)
        (asked,) = until(lambda: [one for one in list(provider.requests) if name in one.body])
        if not case.known:
            until(lambda: len(asked.sent) > 500)
    until(lambda: asked.ending == "left")


def _ask(both: Pair, number: int, case: Case, chance: random.Random) -> tuple[Asked, str | None, str]:
    """Send one request; gives how it ended, the trace of it, and the cost that the client was told."""
    path, stream, cached = chance.choice(PATHS), chance.random() < 0.5 or not case.known, chance.random() < 0.3
    body = _body(case, path, number, stream=stream, cached=cached)
    asked = Asked(number, path, case.outcome, case.known)
    if case.leaves:
        _left(both, case, path, body)
        return asked, None, ""
    response = both.ask(path, body, draft=case.draft, verify=case.verify)
    outcome, _, shown = told(response)
    assert outcome == case.outcome, (case, response.text)
    return asked, response.headers["x-cascade-trace-id"], shown


def _balance(folder: Path, count: int, workers: int) -> None:
    """Send mixed requests, eight at a time, and hold all books against those that the providers' bytes give."""
    charged = [{"name": "all", "set": {"daily": {"team": "everybody", "usd": 1000}}}]
    with pair(folder, workers=workers, decisions={"path": str(folder / "kept.sqlite")}, drain_s=5, policies=charged) as both:
        both.draft.requests, both.verify.requests = deque(), deque()  # all of them, not the newest alone
        cases = [CASES[number % len(CASES)] for number in range(count)]
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(_ask, both, number, case, random.Random(number)) for number, case in enumerate(cases)]
            answers = [job.result() for job in jobs]
        expected = books.kept([asked for asked, _, _ in answers], both.draft.requests, both.verify.requests)
        until(lambda: _figures(both)["requests"] == count and both.is_idle())
        until(lambda: _figures(both)["cost_unknown"] == expected.unknown)
        _decisions_agree(both, expected, answers)
        _summary_agrees(_figures(both), expected, count)
        _metrics_agree(both, expected)
        _budgets_agree(both, expected)
        log = both.system.log
    _log_agrees(log, expected)
    _report_agrees(folder / "kept.sqlite", expected, count)


def _figures(both: Pair) -> dict[str, Any]:
    text = httpx.get(f"{both.system.admin}/api/summary").text
    whole: dict[str, Any] = json.loads(text, parse_float=Decimal)["all"]
    return whole


def _decisions_agree(both: Pair, expected: Books, answers: list[tuple[Asked, str | None, str]]) -> None:
    text = httpx.get(f"{both.system.admin}/api/decisions", params={"limit": 1000}).text
    decisions = json.loads(text, parse_float=Decimal)["decisions"]
    by_trace = {one["trace_id"]: one for one in decisions}
    assert Counter(one["outcome"] for one in decisions) == expected.requests
    for asked, trace, shown in answers:
        if trace is not None:
            assert by_trace[trace]["cost_usd"] == expected.each[asked.number]
            assert not shown or Decimal(shown) == expected.each[asked.number]
    assert sum(Decimal(one["cost_usd"] or 0) for one in decisions) == expected.cost
    assert sum(Decimal(one["baseline_usd"] or 0) for one in decisions) == expected.baseline


def _summary_agrees(told: dict[str, Any], expected: Books, count: int) -> None:
    assert (told["requests"], told["cost_unknown"]) == (count, expected.unknown)
    assert Decimal(told["cost_usd"]) == expected.cost
    assert Decimal(told["baseline_usd"]) == expected.baseline
    assert Decimal(told["saved_usd"]) == expected.baseline - expected.cost
    for name in ("input", "output"):
        assert told[f"{name}_tokens"] == sum(expected.tokens[role, name] for role in ("draft", "verify"))


def _metrics_agree(both: Pair, expected: Books) -> None:
    for outcome, requests in expected.requests.items():
        assert both.metric("cascade_requests_total", outcome=outcome) == requests
        assert both.metric("cascade_request_seconds_count", outcome=outcome) == requests
    for role in ("draft", "verify"):
        assert both.metric("cascade_cost_usd_total", role=role) == float(expected.costs[role])
        for name in ("input", "output", "cached_input", "cache_write"):
            assert both.metric("cascade_tokens_total", role=role, type=name) == expected.tokens[role, name]
    assert both.metric("cascade_baseline_cost_usd_total") == float(expected.baseline)
    assert both.metric("cascade_saved_usd_total") == float(expected.baseline - expected.cost)
    assert both.metric("cascade_cost_unknown_total") == expected.unknown
    assert both.metric("cascade_decisions_dropped_total") == 0


def _budgets_agree(both: Pair, expected: Books) -> None:
    """What the team of all these requests is charged with: rejected drafts, failures and clients that left included."""
    tokens = sum(expected.tokens[role, name] for role in ("draft", "verify") for name in ("input", "output"))

    def agree() -> bool:
        (team,) = json.loads(httpx.get(f"{both.system.admin}/api/budgets").text, parse_float=Decimal)["teams"]
        return bool(team == {"team": "everybody", "usd": expected.cost, "tokens": tokens})

    until(agree)


def _log_agrees(log: Path, expected: Books) -> None:
    """Lines of requests, and of calls for clients that left, which come apart."""
    lines = [line.partition("{") for line in log.read_text().splitlines() if '"event":"' in line]
    events = [json.loads(brace + rest, parse_float=Decimal) for _, brace, rest in lines]
    requests = [one for one in events if one["event"] == "request"]
    assert Counter(one["outcome"] for one in requests) == expected.requests
    calls = [call for one in events if one["event"] == "abandoned" for call in one["calls"]]
    spent = sum(Decimal(one["cost_usd"] or 0) for one in requests) + sum(Decimal(call[8]) for call in calls)
    assert spent == expected.cost


def _report_agrees(path: Path, expected: Books, count: int) -> None:
    argv = [sys.executable, "-m", "extproc", "report", "--decisions", str(path), "--format", "json", "--by", "dialect"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    told = json.loads(done.stdout, parse_float=Decimal)
    _summary_agrees(told["summary"]["all"], expected, count)
    assert sum(Decimal(group["figures"]["cost_usd"]) for group in told["groups"]) == expected.cost
    assert sum(Decimal(group["figures"]["saved_usd"]) for group in told["groups"]) == expected.baseline - expected.cost


@pytest.mark.parametrize("workers", [1, 2])
def test_the_books_of_some_requests_of_every_kind_balance(tmp_path: Path, workers: int):
    _balance(tmp_path, 3 * len(CASES), workers)


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_books_of_500_requests_balance(tmp_path: Path, workers: int):
    _balance(tmp_path, 500, workers)
