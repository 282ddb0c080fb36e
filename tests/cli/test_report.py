"""`extproc report` on a decision file, as an operator runs it."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from extproc.cli import main
from extproc.core.vocabulary import Outcome, Plan, Role
from tests.shell.decisions.made import record, writing
from tests.support.system import ROOT


def run(*argv: str) -> Result:
    return CliRunner().invoke(main, ["report", *argv])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "decisions.sqlite"
    now = time.time()
    with writing(path) as writer:
        writer.put(
            record(at=now - 10, cost_usd=0.000000000001, baseline_usd=0.5, model="small", team="red"),
            record(at=now - 20, outcome=Outcome.DIRECT, plan=Plan.DIRECT, role=Role.VERIFY, model="big", cost_usd=0.25, baseline_usd=0.25),
            record(at=now - 90_000, cost_usd=0.125, baseline_usd=0.5, rules=("greeting", "short"), team="blue"),
        )
    return path


def test_the_whole_log_by_outcome(log: Path):
    told = run("--decisions", str(log))
    assert told.exit_code == 0
    assert "by draft      66.7 %" in told.output
    assert "cost          $0.375000000001" in told.output
    assert "saved         $0.874999999999" in told.output


@pytest.mark.parametrize(
    ("since", "count"), [("15s", 1), ("1m", 2), ("24h", 2), ("2d", 3), ("1w", 3), ("2000-01-01", 3), ("2000-01-01T00:00+02:00", 3)]
)
def test_since(log: Path, since: str, count: int):
    told = run("--decisions", str(log), "--since", since, "--format", "json")
    assert json.loads(told.output)["summary"]["all"]["requests"] == count


@pytest.mark.parametrize("since", ["yesterday", "0s", "-5m", "2999-01-01", "1e3s", ""])
def test_a_time_that_is_none_is_told(log: Path, since: str):
    told = run("--decisions", str(log), f"--since={since}")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "expected a time" in told.output


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("model", ["small", "big"]),
        ("team", ["", "blue", "red"]),
        ("rule", ["greeting", "short"]),
        ("outcome", ["SKIPPED", "DIRECT"]),
        ("policy", ["default"]),
    ],
)
def test_by(log: Path, by: str, names: list[str]):
    told = json.loads(run("--decisions", str(log), "--by", by, "--format", "json").output, parse_float=Decimal)
    assert [group["name"] for group in told["groups"]] == names
    costs = [group["figures"]["cost_usd"] for group in told["groups"]]
    assert by == "rule" or sum(costs) == Decimal("0.375000000001")


def test_a_page_goes_to_a_file(log: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    assert run("--decisions", str(log), "--format", "html", "-o", str(page)).output == ""
    assert page.read_text().startswith("<!doctype html>")
    assert page.read_text().count("<svg") == 3


def test_the_configuration_says_where_the_log_is(log: Path, tmp_path: Path):
    config = tmp_path / "cascade.yaml"
    model = {"dialect": "anthropic", "base_url": "https://x.example.com"}
    config.write_text(json.dumps({"version": 1, "models": {"draft": {"model": "m", **model}, "verify": model}}))
    told = run("--config", str(config))
    assert (told.exit_code, "--decisions" in told.output) == (2, True)
    config.write_text(
        json.dumps({"version": 1, "models": {"draft": {"model": "m", **model}, "verify": model}, "decisions": {"path": log.name}})
    )
    assert "3 requests" in run("--config", str(config)).output


def test_a_log_that_is_none_is_told_in_one_line(tmp_path: Path):
    missing = run("--decisions", str(tmp_path / "none"))
    assert (missing.exit_code, "no such file" in missing.output) == (1, True)
    assert not (tmp_path / "none").exists()
    (tmp_path / "text").write_text("no database")
    assert run("--decisions", str(tmp_path / "text")).exit_code == 1


def test_an_empty_log_is_no_error(tmp_path: Path):
    path = tmp_path / "decisions.sqlite"
    with writing(path) as writer:
        writer.put(record(at=1.0))
    for form in ("text", "json", "csv", "html"):
        assert run("--decisions", str(path), "--since", "1h", "--format", form).exit_code == 0


def test_the_example_of_the_documentation(tmp_path: Path):
    told = run("--config", str(ROOT / "examples/accounting.yaml"), "--since", "24h")
    assert (told.exit_code, told.output) == (1, "error: /var/lib/cascade/decisions.sqlite: no decision log: no such file\n")
