"""From the configuration to the values that the core decides by. Pure."""

from __future__ import annotations

from collections.abc import Collection

from extproc.config.endpoints import endpoints
from extproc.config.model import Config, KeywordRule
from extproc.config.problems import ConfigError, Problem
from extproc.config.wording import meant
from extproc.core.policy import Policy, Price, Tongue
from extproc.core.vocabulary import Dialect, Role


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
    rules = config.router.rules
    return Policy(
        mode=config.mode,
        skip_below=config.router.skip_below,
        direct_above=config.router.direct_above,
        weights={name: rule.weight if isinstance(rule, KeywordRule) else rule for name, rule in rules.items()},
        keywords={name: tuple(rule.words) for name, rule in rules.items() if isinstance(rule, KeywordRule)},
        draft_models=_models(Role.DRAFT, config),
        verify_models=_models(Role.VERIFY, config),
        tongues={role: _tongue(role, config) for role in Role},
        debug=config.telemetry.debug_headers,
        verify_timeout_s=config.verify.timeout_s,
        max_wall_s=config.budget.max_wall_s,
        max_calls=config.budget.max_calls,
        refusal_memory_s=config.router.refusal_memory_s,
        tools_checked=config.router.tools == "checked",
        draft_timeout_s=config.draft.timeout_s,
        draft_wall_s=config.draft.max_s,
        checks_off=config.check.switched_off(),
        stream_text=config.check.stream_text,
        instruction=config.verify.instruction,
        verify_max_tokens=config.verify.max_output_tokens,
        keepalive_s=config.verify.keepalive_s,
        max_cost_usd=config.budget.max_cost_usd,
        prices=prices(config),
        shadow_sample=config.shadow_sample,
    )


def _models(role: Role, config: Config) -> dict[Dialect, str | None]:
    """Name the models that are asked, by the dialects that they are asked in."""
    return {endpoint.dialect: endpoint.model for endpoint in endpoints(config) if endpoint.role is role}


def _tongue(role: Role, config: Config) -> Tongue:
    """Say how a model is asked by clients of other dialects: in its own first one."""
    model = config.models.draft if role is Role.DRAFT else config.models.verify
    own = next(endpoint for endpoint in endpoints(config) if endpoint.role is role)
    return Tongue(
        own.dialect if model.translate else None,
        own.model,
        frozenset(model.lacks),
        model.earlier_thoughts,
        model.limit_key,
        model.thinking,
        cache_marks=model.cache_marks == "auto",
        forward=own.forward,
    )


def prices(config: Config) -> dict[Role, Price]:
    """Give what the models cost, as far as that is configured; what is not told apart costs as much as plain input."""
    told = {}
    for role, model in ((Role.DRAFT, config.models.draft), (Role.VERIFY, config.models.verify)):
        price = model.price_usd_per_mtok
        if price is not None:
            cached = price.input if price.cached_input is None else price.cached_input
            written = price.input if price.cache_write is None else price.cache_write
            told[role] = Price(price.input, price.output, cached, written)
    return told


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
