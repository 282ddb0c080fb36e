"""What the page on interception shows is valid, and its commands are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from extproc.cli import main
from extproc.config.load import load
from tests.examples.test_docs_examples import MODELS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/interception.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples/interception.yaml"
SHOWN = re.findall(r"(?:\$|#  ) (?:sudo )?extproc ([a-z-]+)([^|#\n]*)", PAGE + EXAMPLE.read_text(encoding="utf-8"))


def test_its_block_of_configuration_is_the_examples(tmp_path: Path):
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "cascade.yaml"
    path.write_text(MODELS + block)
    shown, example = load(path, {}).intercept, load(EXAMPLE, {}).intercept
    assert (shown.hosts, shown.listen, Path(shown.certificates).name) == (example.hosts, example.listen, Path(example.certificates).name)


@pytest.mark.parametrize(("command", "words"), SHOWN)
def test_its_commands_have_these_options(command: str, words: str):
    known = CliRunner().invoke(main, [command, "--help"]).stdout
    assert [option for option in shlex.split(words) if option.startswith("--") and option not in known] == []


def test_there_are_some():
    assert {"certificates", "redirect-rules", "up"} <= {command for command, _ in SHOWN}


def test_check_says_what_is_taken():
    said = CliRunner().invoke(main, ["check", "--no-secrets", "-c", str(EXAMPLE)])
    assert "  taken   api.anthropic.com, api.openai.com, redirected to [::]:15001\n" in said.stdout
