"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from extproc.config.load import ConfigError, Problem, load
from extproc.config.model import Config

_DEFAULT = "cascade.yaml"
_VARIABLE = "CASCADE_CONFIG"

type_of_command = Callable[..., Any]


class ConfigFile(click.ParamType):
    """A configuration file, given to the command as a loaded `Config`; ConfigError where it has problems."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Config:
        """Load the file that is named on the command line, with the process's environment."""
        return value if isinstance(value, Config) else load_config(Path(value))


def load_config(path: Path) -> Config:
    """Load a configuration with the process's environment; says how to name another file where the usual one is missing."""
    if str(path) == _DEFAULT and not path.exists():
        raise ConfigError([Problem("", f"no such file; name one with --config FILE or {_VARIABLE}", _DEFAULT)])
    return load(path, os.environ)


def config_option(command: type_of_command) -> type_of_command:
    """Give a command the option `--config` and, as its argument `config`, the loaded configuration."""
    return _option(ConfigFile())(command)


def config_path_option(command: type_of_command) -> type_of_command:
    """Give a command the option `--config` and, as its argument `config`, only the file's path."""
    return _option(click.Path(path_type=Path))(command)


def _option(kind: click.ParamType) -> Callable[[type_of_command], type_of_command]:
    return click.option(
        "-c",
        "--config",
        "config",
        type=kind,
        default=_DEFAULT,
        envvar=_VARIABLE,
        show_default=True,
        show_envvar=True,
        help="Configuration file.",
    )
