"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from extproc.config.advice import advice
from extproc.config.load import ConfigError, Problem, load
from extproc.config.model import Config

_DEFAULT = "cascade.yaml"
_VARIABLE = "CASCADE_CONFIG"

_Command = Callable[..., Any]


def load_config(path: Path) -> Config:
    """Load a configuration with the process's environment; says how to name another file where the usual one is missing."""
    if str(path) == _DEFAULT and not path.exists():
        raise ConfigError([Problem("", f"no such file; name one with --config FILE or {_VARIABLE}", _DEFAULT)])
    return load(path, os.environ)


def config_option(command: _Command) -> _Command:
    """Give a command the option `--config` and, as its argument `config`, the loaded `Config`."""
    return _option(lambda ctx, _, path: None if ctx.resilient_parsing else load_config(path))(command)


def config_path_option(command: _Command) -> _Command:
    """Give a command the option `--config` and, as its argument `config`, only the file's path."""
    return _option(None)(command)


def _option(callback: Callable[[click.Context, click.Parameter, Path], Config | None] | None) -> Callable[[_Command], _Command]:
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        default=_DEFAULT,
        envvar=_VARIABLE,
        callback=callback,
        show_default=True,
        show_envvar=True,
        help="Configuration file.",
    )


def say(text: str) -> None:
    """Tell the operator something on stderr, where it does not mix with output."""
    click.echo(f"extproc: {text}", err=True)


def warn_of_admin(config: Config) -> None:
    """Tell who starts it where the admin address is open to other machines."""
    for warning in advice(config):
        if warning.key == "admin":
            say(f"warning: {warning}")
