from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from extproc.cli.options import config_option, config_path_option
from extproc.config.model import Config

TEXT = """\
version: 1
models:
  draft: {model: small, dialect: anthropic, base_url: "https://draft.example.com"}
  verify: {dialect: anthropic, base_url: "https://${HOST}"}
"""


@click.command()
@config_option
def takes_config(config: Config) -> None:
    click.echo(f"{type(config).__name__} {config.models.verify.base_url}")


@click.command()
@config_path_option
def takes_path(config: Path) -> None:
    click.echo(repr(config))


def test_a_command_gets_the_loaded_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(TEXT)
    result = CliRunner().invoke(takes_config, ["-c", str(path)], env={"HOST": "v.example.com"})
    assert result.stdout == "Config https://v.example.com\n"


def test_a_command_gets_the_path() -> None:
    assert CliRunner().invoke(takes_path, ["--config", "x.yaml"]).stdout == "PosixPath('x.yaml')\n"
    assert CliRunner().invoke(takes_path, [], env={"CASCADE_CONFIG": "y.yaml"}).stdout == "PosixPath('y.yaml')\n"


def test_help_needs_no_file() -> None:
    result = CliRunner().invoke(takes_config, ["--help"])
    assert result.exit_code == 0
    assert "cascade.yaml" in result.stdout
    assert "CASCADE_CONFIG" in result.stdout
