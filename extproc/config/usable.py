"""What only a whole configuration can have wrong, on this machine and at this time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

from extproc.config.model import Config
from extproc.config.policy import policy
from extproc.config.problems import ConfigError, Problem
from extproc.config.processor import unusable
from extproc.config.secrets import check_secrets
from extproc.core.steps.classify import RULES

KNOWN_RULES = frozenset(rule.name for rule in RULES)


def check_usable(config: Config, environ: Mapping[str, str], *, with_secrets: bool = True) -> None:
    """Look whether a configuration can be run: its rules exist, its secrets can be read, what it asks for is installed.

    Raises:
        ConfigError: with all that is wrong.
    """
    problems = list(_missing(config))
    looks: list[Callable[[], object]] = [lambda: policy(config, KNOWN_RULES)]
    if with_secrets:
        looks.append(lambda: check_secrets(config, environ))
        problems += [config.source.problem(("processor", "tls", key), why) for key, why in _unusable(config)]
    for look in looks:
        try:
            look()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def _unusable(config: Config) -> Iterator[tuple[str, str]]:
    """Give each key of `processor.tls` whose file cannot be used, and why."""
    return unusable(config.processor.tls) if config.processor.tls else iter(())


def _missing(config: Config) -> Iterator[Problem]:
    if config.state_is_redis and find_spec("redis") is None:
        yield config.source.problem(("state",), "redis-py is not installed here: pip install 'cascade-extproc[redis]'")
