"""`cascade.yaml` → `Config`, or a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from extproc.config.document import read
from extproc.config.misfits import misfits
from extproc.config.model import Config
from extproc.config.problems import ConfigError, Problem
from extproc.config.wording import explain

__all__ = ["ConfigError", "Problem", "load"]


def load(path: Path | str, environ: Mapping[str, str]) -> Config:
    """Read and check a configuration file.

    Args:
        path: the YAML file; relative `api_key_file`s in it count from its folder.
        environ: the environment that `${NAME}` is replaced from.

    Returns:
        The configuration; it remembers the file and its lines for problems that are found later (`config.source`).

    Raises:
        ConfigError: with all problems found, one line each.
    """
    document = read(Path(path), environ)
    config = None
    try:
        config = Config.model_validate(document.data, context={"source": document.source})
        problems = misfits(config)
    except ValidationError as error:
        problems = explain(error, document.source)
    # Outside of the handler: pydantic's error holds the values, and a traceback would show it as the cause.
    if config is None or problems:
        raise ConfigError(problems)
    return config
