"""`extproc explain` with policies: which applied, and why not the earlier ones."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extproc.cli import main
from extproc.core.steps.policies import fingerprint

ROOT = Path(__file__).parents[2]
THANKS = ROOT / "tests/corpus/an_thanks.json"
EXAMPLE = ROOT / "examples/policies.yaml"
NIGHT = "2026-11-26T22:30+01:00"


def run(*arguments: object, file: Path = THANKS) -> Result:
    return CliRunner().invoke(main, ["explain", "--config", str(EXAMPLE), str(file), *map(str, arguments)])


def told(*arguments: object, file: Path = THANKS) -> dict[str, Any]:
    done = run("--json", *arguments, file=file)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def claims(**given: str) -> str:
    return urlsafe_b64encode(json.dumps(given).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("arguments", "policy", "plan"),
    [
        ([], "default", "direct"),
        (["-H", "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/legal/sa/clerk"], "hands_off", "bypass"),
        (["-H", "x-forwarded-client-cert: URI=spiffe://c/ns/batch/sa/job-7", "--at", NIGHT], "batch", "draft"),
        (["-H", "x-forwarded-client-cert: URI=spiffe://c/ns/batch/sa/job-7", "--at", "2026-11-26T12:00"], "default", "direct"),
        (["-H", f"X-Jwt:{claims(group='research')}"], "research", "draft"),
        (["-H", f"X-Jwt:{claims(group='research')}", "-H", "x-cascade-plan: cascade"], "research", "cascade"),
        (["-H", "x-cascade-plan: cascade"], "default", "direct"),
        (["--key", "90ab12cd34ef5678"], "interns", "draft"),
    ],
)
def test_which_policy_applies(arguments: list[str], policy: str, plan: str):
    found = told(*arguments)
    assert (found["policy"]["name"], found["plan"]) == (policy, plan)
    earlier = [one["name"] for one in found["policy"]["passed_over"]]
    assert earlier == {"hands_off": [], "batch": ["hands_off"], "research": ["hands_off", "batch"]}.get(policy, earlier)


def test_a_share_by_session(tmp_path: Path):
    names = [told("-H", "x-app: cli", "-H", f"session-id: s{number}")["policy"]["name"] for number in range(60)]
    assert set(names) == {"opus", "default"}
    assert names.count("opus") < 20
    (passed,) = [
        one
        for one in told("-H", "x-app: cli", "-H", f"session-id: s{names.index('default')}")["policy"]["passed_over"]
        if one["name"] == "opus"
    ]
    assert passed["because"] == "10% by session"


def test_it_says_so_in_words():
    done = run("--key", "90ab12cd34ef5678", "--at", NIGHT)
    assert (
        """\
  policy   interns (key 3f1c0a9d5e7b2846 or 90ab12cd34ef5678)
           not hands_off: certificate spiffe://cluster.local/ns/legal/sa/* does not hold
           not batch: namespace batch, service account job-* does not hold
           not research: claim group: research does not hold
           a day's 20 USD or 4000000 tokens for 90ab12cd34ef5678, then draft
"""
        in done.stdout
    )


def test_without_policies_nothing_is_said_of_them():
    done = CliRunner().invoke(main, ["explain", "--config", str(ROOT / "examples/cascade.yaml"), str(THANKS)])
    assert "policy" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-H", "x-app"], "expected NAME:VALUE"),
        (["-H", "x app: y"], "expected NAME:VALUE"),
        (["--at", "noon"], "expected a time such as"),
        (["--key", "sk-secret-0123456789"], "never the key itself"),
    ],
)
def test_what_is_misspelt_is_one_line_and_no_key_is_repeated(arguments: list[str], said: str):
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "sk-secret" not in done.output


def fingerprint_of(text: str, config: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(main, ["fingerprint", "--config", str(config)], input=text)


@pytest.mark.parametrize("text", ["sk-1", "sk-1\n", "  sk-1 \r\n"])
def test_a_fingerprint_of_a_key_from_standard_input(text: str):
    done = fingerprint_of(text)
    assert (done.exit_code, done.stdout) == (0, fingerprint("sk-1", b"a salt of your own") + "\n")


def test_the_salt_is_the_configurations(tmp_path: Path):
    other = tmp_path / "cascade.yaml"
    other.write_text(EXAMPLE.read_text().replace("a salt of your own", "another"))
    assert fingerprint_of("sk-1", other).stdout == fingerprint("sk-1", b"another") + "\n"


@pytest.mark.parametrize("text", ["", "\n", "sk-1 sk-2", "OPENAI_API_KEY=sk-1\nx"])
def test_what_is_no_key(text: str):
    done = fingerprint_of(text)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "sk-" not in done.stderr


def test_a_key_as_an_argument_is_not_taken():
    done = CliRunner().invoke(main, ["fingerprint", "--config", str(EXAMPLE), "sk-1"])
    assert done.exit_code == 2


def test_the_check_has_a_line_for_each_policy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    done = CliRunner().invoke(main, ["check", "--config", str(EXAMPLE)])
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("  policy")]
    assert len(lines) == 5
    assert lines[1] == (
        "policy  batch: namespace batch, service account job-* and time mon tue wed thu fri 22:00–06:00 Europe/Berlin"
        " → mode enforce, plan draft"
    )
    assert lines[2].endswith("→ mode enforce, max_calls 3, max_cost_usd 5, max_wall_s 600, clients may choose the plan")
    as_json = json.loads(CliRunner().invoke(main, ["check", "--config", str(EXAMPLE), "--json"]).stdout)
    assert [one["name"] for one in as_json["policies"]] == ["hands_off", "batch", "research", "interns", "opus"]
