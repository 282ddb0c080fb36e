"""From the configuration to the values that the core decides by. Pure."""

from __future__ import annotations

from collections.abc import Collection

from extproc.config.endpoints import endpoints
from extproc.config.model import Config, KeywordRule
from extproc.config.problems import ConfigError, Problem
from extproc.config.wording import meant
from extproc.core.vocabulary import Policy, Role


def policy(config: Config, known: Collection[str]) -> Policy:
    """Give the core's part of the configuration.

    Args:
        config: the checked configuration.
        known: names of the built-in rules.

    Raises:
        ConfigError: `router.rules` weighs a rule that does not exist, or gives a built-in rule's name to words of its own.
    """
    problems = list(_misnamed(config, known))
    if problems:
        raise ConfigError(problems)
    called = endpoints(config)
    rules = config.router.rules
    return Policy(
        mode=config.mode,
        skip_below=config.router.skip_below,
        direct_above=config.router.direct_above,
        weights={name: rule.weight if isinstance(rule, KeywordRule) else rule for name, rule in rules.items()},
        keywords={name: tuple(rule.words) for name, rule in rules.items() if isinstance(rule, KeywordRule)},
        draft_models={endpoint.dialect: endpoint.model for endpoint in called if endpoint.role is Role.DRAFT},
        verify_models={endpoint.dialect: endpoint.model for endpoint in called if endpoint.role is Role.VERIFY},
        verify_timeout_s=config.verify.timeout_s,
        max_wall_s=config.budget.max_wall_s,
        max_calls=config.budget.max_calls,
        refusal_memory_s=config.router.refusal_memory_s,
    )


def _misnamed(config: Config, known: Collection[str]) -> list[Problem]:
    problems = []
    for name, rule in config.router.rules.items():
        place = ("router", "rules", name)
        own = isinstance(rule, KeywordRule)
        if own and name in known:
            problems.append(
                config.source.problem(place, "a built-in rule has this name; give a number for its weight, or choose another name")
            )
        if not own and name not in known:
            problems.append(config.source.problem(place, f"no built-in rule has this name; {meant(name, sorted(known))}"))
    return problems
