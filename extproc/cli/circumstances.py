"""What `extproc explain` is told of a request beside its body, and which policy that makes of it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from extproc.core.events import Headers
from extproc.core.money import shown
from extproc.core.policy import Allowance, Policy
from extproc.core.steps.policies import PLAN_HEADER, Facts, Rule, asked_plan, obstacle, team_of
from extproc.core.vocabulary import Request

_TRACE = "0" * 32


class _Header(click.ParamType[tuple[str, bytes]]):
    """`name: value`, as curl has it."""

    name = "header"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, bytes]:
        name, colon, text = str(value).partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9_.~-]+", name):
            self.fail(f"{value!r}: expected NAME:VALUE", param, ctx)
        # Envoy hands on under a name of its own what a client asks for.
        return PLAN_HEADER if name.lower() == "x-cascade-plan" else name.lower(), text.strip().encode()


class _Fingerprint(click.ParamType[str]):
    """What stands for an API key; the key itself has no place on a command line."""

    name = "fingerprint"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[0-9a-f]{16}|", str(value)):
            self.fail("expected 16 hex digits, as `extproc fingerprint` prints them, never the key itself", param, ctx)
        return str(value)


class Moment(click.ParamType[float]):
    """A point in time; gives Unix seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read ISO 8601, in UTC unless it says otherwise."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r}: expected a time such as 2026-11-26T22:30 or 2026-11-26T22:30+01:00", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


HEADER = _Header()
FINGERPRINT = _Fingerprint()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides about a request beside its body."""

    default: Policy
    rules: Sequence[Rule] = ()
    headers: Headers = dataclasses.field(default_factory=lambda: Headers([]))
    key: str = ""
    """Fingerprint of the client's API key."""
    at: float = 0.0
    """Unix time."""
    salt: bytes = b""


def settled(request: Request, path: str, around: Circumstances) -> tuple[Policy, dict[str, Any]]:
    """Choose the policy, and say why it is this one; nothing is said where there are no policies."""
    if not around.rules:
        return around.default, {}
    facts = Facts(around.headers, path, request, _TRACE, around.at, around.salt, around.key)
    chosen = around.default
    because: tuple[str, ...] = ("no policy applies",)
    passed = []
    for rule in around.rules:
        if (why := obstacle(rule, facts)) is None:
            chosen, because = rule.policy, rule.told or ("every request",)
            break
        passed.append({"name": rule.policy.name, "because": why})
    asked = asked_plan(around.headers) if chosen.client_override else None
    told: dict[str, Any] = {"name": chosen.name, "because": list(because), "passed_over": passed, "mode": str(chosen.mode)}
    if chosen.allowance is not None:
        told["allowance"] = {"team": team_of(chosen.allowance, facts), **_limits(chosen.allowance)}
    return dataclasses.replace(chosen, pinned=asked, pinned_by="client_plan") if asked else chosen, {"policy": told}


def _limits(allowance: Allowance) -> dict[str, Any]:
    usd = None if allowance.pico_usd is None else shown(allowance.pico_usd)
    return {"usd": usd, "tokens": allowance.tokens, "when_spent": "refuse" if allowance.refuse else "draft"}


def policy_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Give the same for people."""
    if (policy := told.get("policy")) is None:
        return
    yield f"  policy   {policy['name']} ({', '.join(policy['because'])})"
    for other in policy["passed_over"]:
        yield f"           not {other['name']}: {other['because']} does not hold"
    if allowance := policy.get("allowance"):
        limits = [f"{allowance['usd']} USD" if allowance["usd"] else "", f"{allowance['tokens']} tokens" if allowance["tokens"] else ""]
        yield f"           a day's {' or '.join(filter(None, limits))} for {allowance['team']}, then {allowance['when_spent']}"
