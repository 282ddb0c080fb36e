"""What the pages on policies and reloading show is valid, and says what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from extproc.cli import main
from extproc.config.load import load

ROOT = Path(__file__).parents[2]
POLICIES = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
MODELS = """\
version: 1
models:
  draft: {model: small, dialect: anthropic, base_url: https://draft.example.com}
  verify: {dialect: anthropic, base_url: https://verify.example.com}
"""
BLOCKS = re.findall(r"```yaml\n(.*?)```", POLICIES, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_configuration_is_valid(block: str, tmp_path: Path):
    path = tmp_path / "cascade.yaml"
    path.write_text(MODELS + block)
    assert load(path, {}).policies[0].name == "interns"


def test_there_are_some():
    assert len(BLOCKS) == 2


def test_what_explain_is_shown_to_say_it_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    (shown,) = re.findall(r"```console\n\$ extproc (explain .*?)```", POLICIES, re.DOTALL)
    command, _, expected = shown.partition("\n")
    said = CliRunner().invoke(main, shlex.split(command)).stdout
    assert expected.removeprefix("…\n") in said
