"""`extproc explain` on files, folders and what is neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from extproc.cli import main

CORPUS = Path(__file__).parents[1] / "corpus"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


def test_the_table_of_our_own_samples_is_the_one_that_is_kept():
    """When a change of weights is meant, `make generate` writes the table anew."""
    done = run(CORPUS)
    assert done.exit_code == 0
    assert done.stdout == (CORPUS / "expected.txt").read_text()


def test_one_request_is_told_in_full():
    done = run(CORPUS / "oc_word_problem.json")
    assert done.exit_code == 0
    assert "plan     cascade" in done.stdout
    assert "+0.30  word_problem: a sum told in words" in done.stdout


def test_as_json():
    told = json.loads(run("--json", CORPUS / "an_smalltalk.json").stdout)
    assert (told["plan"], told["turn"], told["dialect"]) == ("draft", "chat", "anthropic")
    assert len(json.loads(run("--json", CORPUS).stdout)) == len(list(CORPUS.glob("*.json")))


def test_the_path_may_be_given():
    told = json.loads(run("--json", "--path", "/v1/messages", CORPUS / "oc_translate.json").stdout)
    assert (told["dialect"], told["path_because"]) == ("anthropic", "as given")


def test_the_configuration_decides(tmp_path: Path):
    config = tmp_path / "cascade.yaml"
    config.write_text(
        "version: 1\nmodels:\n  draft: {model: d, dialect: openai_chat, base_url: http://127.0.0.1:1}\n"
        "  verify: {dialect: anthropic, base_url: http://127.0.0.1:2}\nrouter: {rules: {greeting: 0.9}}\n"
    )
    told = json.loads(run("--json", "--config", config, CORPUS / "an_thanks.json", CORPUS / "oc_translate.json").stdout)
    assert [one["plan"] for one in told] == ["direct", "draft"]
    assert told[0]["translated"] == [{"role": "draft", "dialect": "openai_chat", "lost": []}]
    assert [one["role"] for one in told[1]["translated"]] == ["verify"]


def test_what_is_not_there_is_one_line_and_the_rest_is_shown(tmp_path: Path):
    done = run(tmp_path / "nope.json", tmp_path, CORPUS / "an_thanks.json")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 2
    assert "an_thanks.json" in done.stdout


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"[1]", b"{" * 10_000])
def test_what_cannot_be_read_is_a_bypass(tmp_path: Path, content: bytes):
    file = tmp_path / "odd.json"
    file.write_bytes(content)
    done = run(file)
    assert done.exit_code == 0
    assert "plan     bypass" in done.stdout
