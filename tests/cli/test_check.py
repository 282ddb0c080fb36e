from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from extproc.cli import main
from extproc.core.steps.classify import RULES

KEY = "sk-0123456789abcdef"
TEXT = """\
version: 1
models:
  draft:
    model: small
    dialect: anthropic
    base_url: https://draft.example.com/anthropic
    api_key_env: DRAFT_KEY
    price_usd_per_mtok: {input: 1, output: 2}
  verify:
    dialect: anthropic
    base_url: https://verify.example.com
    price_usd_per_mtok: {input: 3, output: 4}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASCADE_CONFIG", raising=False)
    monkeypatch.setenv("DRAFT_KEY", KEY)
    return tmp_path


def check(folder: Path, text: str, *args: str) -> Result:
    (folder / "cascade.yaml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["check", *args])
    assert KEY not in result.output
    return result


def test_a_valid_file_is_summed_up(folder: Path) -> None:
    result = check(folder, TEXT)
    assert (result.exit_code, result.stderr) == (0, "")
    first, *rest = result.stdout.splitlines()
    assert first.startswith("cascade.yaml: valid (hash ")
    assert rest == [
        "  listen  127.0.0.1:10000, admin 127.0.0.1:9464, envoy admin 127.0.0.1:9901",
        "  mode    enforce, 1 worker, transport native",
        "  plans   score < 0.35: draft, ≥ 0.85: direct, between: cascade",
        "  draft   small (anthropic) → https://draft.example.com/anthropic/v1/messages, key from $DRAFT_KEY as x-api-key",
        "  verify  the model asked for (anthropic) → https://verify.example.com/v1/messages, the client's own key",
        "  other   requests that are no LLM call → https://verify.example.com",
    ]


def test_other_credentials_and_a_server_for_the_rest(folder: Path) -> None:
    text = TEXT.replace("    api_key_env: DRAFT_KEY\n", "").replace(
        "version: 1", "version: 1\nworkers: 2\norigin: {base_url: 'http://127.0.0.1:81'}"
    )
    (folder / "key").write_text(KEY)
    result = check(folder, text + "    api_key_file: key\n    api_key_header: Authorization\n")
    assert "/v1/messages, no key\n" in result.stdout
    assert f"key from {folder / 'key'} as authorization\n" in result.stdout
    assert "→ http://127.0.0.1:81\n" in result.stdout
    assert "2 workers" in result.stdout


def test_as_json(folder: Path) -> None:
    summary = json.loads(check(folder, TEXT, "--json").stdout)
    assert summary["ok"] is True
    assert summary["file"] == "cascade.yaml"
    assert summary["mode"] == "enforce"
    assert summary["warnings"] == []
    assert summary["endpoints"][0] == {
        "role": "draft",
        "dialect": "anthropic",
        "model": "small",
        "url": "https://draft.example.com/anthropic/v1/messages",
        "credential": "key from $DRAFT_KEY as x-api-key",
    }


def test_a_missing_key_is_a_problem_unless_told_otherwise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAFT_KEY")
    result = check(folder, TEXT)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: cascade.yaml:7: models.draft.api_key_env: the environment variable DRAFT_KEY is not set\n"
    assert check(folder, TEXT, "--no-secrets").exit_code == 0


def test_all_kinds_of_problems_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAFT_KEY")
    result = check(folder, TEXT + "router: {rules: {zzzzzz: 1}}\n", "--json")
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert [(problem["line"], problem["column"], problem["key"]) for problem in found["problems"]] == [
        (7, 5, "models.draft.api_key_env"),
        (13, 18, "router.rules.zzzzzz"),
    ]
    first, *lines = result.stderr.splitlines()
    assert first == "error: 2 problems in the configuration"
    assert lines[1].startswith("cascade.yaml:13: router.rules.zzzzzz: no built-in rule has this name; known here: ")


def test_built_in_rules_can_be_weighed(folder: Path) -> None:
    weights = "".join(f"    {rule.name}: 0\n" for rule in RULES)
    assert check(folder, f"{TEXT}router:\n  rules:\n{weights}").exit_code == 0


def test_a_doubtful_setting_is_a_warning(folder: Path) -> None:
    result = check(folder, TEXT + "listen: 0.0.0.0:10000\n")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: cascade.yaml:13: listen: ")
    warnings = json.loads(check(folder, TEXT + "listen: 0.0.0.0:10000\n", "--json").stdout)["warnings"]
    assert [(warning["line"], warning["key"]) for warning in warnings] == [(13, "listen")]


@pytest.mark.parametrize("args", [[], ["--config", "cascade.yaml"]])
def test_without_a_file_it_says_how_to_name_one(folder: Path, args: list[str]) -> None:
    result = CliRunner().invoke(main, ["check", *args])
    assert result.exit_code == 2
    assert result.stderr == "error: cascade.yaml: no such file; name one with --config FILE or CASCADE_CONFIG\n"


def test_the_file_may_be_named_by_the_environment(folder: Path) -> None:
    (folder / "other.yaml").write_text(TEXT)
    result = CliRunner().invoke(main, ["check"], env={"CASCADE_CONFIG": "other.yaml"})
    assert result.stdout.startswith("other.yaml: valid")
    missing = CliRunner().invoke(main, ["check", "-c", "none.yaml"])
    assert (missing.exit_code, missing.stderr) == (2, "error: none.yaml: no such file\n")
