"""From the policies of the configuration to the core's rules: what each sets, and when it applies. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from extproc.config.model import Config
from extproc.config.policies import Daily, Match, PolicyModels, PolicySection, Settings, globbed
from extproc.core import money
from extproc.core.policy import Allowance, Policy
from extproc.core.steps import policies as when
from extproc.core.vocabulary import Dialect, Role


def rules(config: Config, default: Policy) -> tuple[when.Rule, ...]:
    """Give the rules in their order; `default` is what applies where none does."""
    made = []
    for section in config.policies:
        conditions = list(_conditions(section.match, config))
        made.append(when.Rule(_policy(section, default), tuple([one for _, one in conditions]), tuple([told for told, _ in conditions])))
    return tuple(made)


def describe(section: PolicySection, config: Config) -> str:
    """Say in one line when a policy applies and what it sets."""
    when_it_applies = " and ".join([told for told, _ in _conditions(section.match, config)]) or "every request"
    return f"{section.name}: {when_it_applies} → {', '.join(_settings(section.settings)) or 'nothing is other'}"


def _settings(told: Settings) -> Iterator[str]:
    for name in ("mode", "plan", "skip_below", "direct_above"):
        if (value := getattr(told, name)) is not None:
            yield f"{name} {value}"
    for section in (told.models, told.budget):
        for name, value in section:
            if value is not None:
                yield f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
    if told.daily is not None:
        yield f"a day's {' or '.join(_limits(told.daily))}, then {told.daily.when_spent}"
    if told.client_override:
        yield "clients may choose the plan"


def _limits(daily: Daily) -> Iterator[str]:
    if daily.usd is not None:
        yield f"{daily.usd:g} USD"
    if daily.max_tokens is not None:
        yield f"{daily.max_tokens} tokens"


def _policy(section: PolicySection, default: Policy) -> Policy:
    told = section.settings
    given: dict[str, Any] = {
        "mode": told.mode,
        "skip_below": told.skip_below,
        "direct_above": told.direct_above,
        "pinned": told.plan,
        "max_calls": told.budget.max_calls,
        "max_cost_usd": told.budget.max_cost_usd,
        "max_wall_s": told.budget.max_wall_s,
        "allowance": _allowance(section.name, told.daily) if told.daily else None,
        **_models(told.models, default),
    }
    changed = {name: value for name, value in given.items() if value is not None}
    return replace(default, name=section.name, client_override=told.client_override, **changed)


def _models(told: PolicyModels, default: Policy) -> dict[str, Any]:
    """Other names at the same providers, in whatever dialect they are asked."""
    named = {Role.DRAFT: told.draft, Role.VERIFY: told.verify}
    given: dict[str, Any] = {}
    tongues = dict(default.tongues)
    for role, name in named.items():
        if name is None:
            continue
        model = None if name == "keep" else name
        served: Mapping[Dialect, str | None] = default.draft_models if role is Role.DRAFT else default.verify_models
        given["draft_models" if role is Role.DRAFT else "verify_models"] = dict.fromkeys(served, model)
        if role in tongues:
            tongues[role] = replace(tongues[role], model=model)
    return {**given, "tongues": tongues} if given else {}


def _allowance(name: str, daily: Daily) -> Allowance:
    pico = None if daily.usd is None else money.pico(daily.usd)
    return Allowance(daily.team or name, pico, daily.max_tokens, refuse=daily.when_spent == "refuse")


Told = tuple[str, when.Condition]
"""A condition in words, and as a function."""


def _conditions(match: Match, config: Config) -> Iterator[Told]:
    """The cheap ones first."""
    yield from _of_request(match)
    yield from _of_client(match, config)
    if match.time is not None:
        yield f"time {match.time.words()}", when.hours(*match.time.numbers())
    if match.percent is not None:
        share, by = match.percent.share, match.percent.by
        yield f"{share:g}% by {by}", when.share(share, by)


def _of_request(match: Match) -> Iterator[Told]:
    if match.dialect:
        yield f"dialect {' or '.join(match.dialect)}", when.dialect(frozenset(match.dialect))
    if match.path is not None:
        yield f"path {match.path}", when.path(globbed(match.path))
    if match.model is not None:
        yield f"model {match.model}", when.model(globbed(match.model))
    for name, pattern in match.headers.items():
        yield f"header {name}: {pattern}", when.header(name.lower(), globbed(pattern))


def _of_client(match: Match, config: Config) -> Iterator[Told]:
    if match.certificate is not None:
        yield f"certificate {match.certificate}", when.certificate(globbed(match.certificate))
    if match.namespace is not None or match.service_account is not None:
        wanted = (match.namespace, match.service_account)
        told = ", ".join(f"{name} {value}" for name, value in zip(("namespace", "service account"), wanted, strict=True) if value)
        yield told, when.workload(*[globbed(one) if one is not None else None for one in wanted])
    for name, pattern in match.jwt.items():
        yield f"claim {name}: {pattern}", when.claim((config.identity.jwt_payload_header or "").lower(), name, globbed(pattern))
    if match.key:
        yield f"key {' or '.join(match.key)}", when.key(frozenset(match.key))
