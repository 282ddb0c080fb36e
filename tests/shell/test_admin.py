"""Figures and metrics over HTTP, as pages, scrapers and people ask for them."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from extproc.config.model import Config
from extproc.config.secrets import redact
from extproc.core.vocabulary import Outcome, Plan, Role
from extproc.shell.admin import Admin
from extproc.shell.decisions import Reader
from extproc.shell.journal import Journal
from extproc.shell.meters import Meters
from tests.shell.decisions.made import record, writing
from tests.support.system import free_ports

MODEL = {"dialect": "anthropic", "base_url": "https://models.example.com"}
CONFIG = redact(Config.model_validate({"version": 1, "models": {"draft": {"model": "small", **MODEL}, "verify": MODEL}}))


async def _ready() -> str:
    return ""


def ask(log: Path, *requests: tuple[str, dict[str, str]]) -> list[httpx.Response]:
    """Serve a decision file and ask for some pages of it."""

    async def run() -> list[httpx.Response]:
        (port,) = free_ports(1)
        meters = Meters("1", "hash")
        meters.finished([record()])
        admin = Admin(Journal(meters, quiet=True), Reader(log), meters, _ready, CONFIG)
        await admin.start(f"127.0.0.1:{port}")
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                return [await client.get(path, headers=headers) for path, headers in requests]
        finally:
            await admin.stop()

    return asyncio.run(run())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path, now = tmp_path / "decisions.sqlite", time.time()
    direct = {"outcome": Outcome.DIRECT, "plan": Plan.DIRECT, "role": Role.VERIFY}
    with writing(path) as writer:
        writer.put(
            record(at=now - 5, cost_usd=0.1, baseline_usd=0.5, trace_id="a" * 32),
            record(at=now - 90_000, cost_usd=0.2, baseline_usd=0.2, **direct),
        )
    return path


def test_the_summary_is_exact_and_of_the_time_asked_for(log: Path):
    whole, day = (
        json.loads(answer.text, parse_float=Decimal) for answer in ask(log, ("/api/summary", {}), ("/api/summary?since_s=86400", {}))
    )
    assert (whole["all"]["cost_usd"], whole["all"]["saved_usd"], whole["all"]["draft_use_rate"]) == (
        Decimal("0.3"),
        Decimal("0.4"),
        Decimal("0.5"),
    )
    assert {name: told["requests"] for name, told in whole["outcomes"].items()} == {"SKIPPED": 1, "DIRECT": 1}
    assert (day["all"]["requests"], day["since_s"]) == (1, 86_400)


def test_decisions_come_newest_first(log: Path):
    listed, one = ask(log, ("/api/decisions?limit=1", {}), (f"/api/decisions/{'a' * 32}", {}))
    assert [told["id"] for told in listed.json()["decisions"]] == [2]
    assert (one.json()["id"], one.json()["cost_usd"]) == (1, 0.1)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=１", "limit=9999999999999"])
def test_a_limit_that_is_none_is_told(log: Path, query: str):
    (answer,) = ask(log, (f"/api/decisions?{query}", {}))
    assert (answer.status_code, answer.json()) == (400, {"error": "limit: expected a number from 1 to 1000"})


def test_scrapers_get_the_format_that_they_accept(log: Path):
    plain, exact = ask(log, ("/metrics", {}), ("/metrics", {"accept": "application/openmetrics-text; version=1.0.0"}))
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert exact.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert exact.text.endswith("# EOF\n")
    assert "trace_id" in exact.text
    assert "trace_id" not in plain.text
