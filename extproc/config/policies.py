"""Policies: which requests are decided by other settings. The first whose `match` holds wins; what it does not set stays as it is."""

from __future__ import annotations

import re
from datetime import tzinfo
from fnmatch import translate
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from extproc.config.strict import Strict
from extproc.config.values import HeaderName, ModelName, RuleName, Seconds
from extproc.core.vocabulary import Dialect, Mode, Plan

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected the name of a time zone such as UTC or Europe/Berlin") from None
    return value


def _team(value: str) -> str:
    if value and not re.fullmatch(r"key|header:[A-Za-z][A-Za-z0-9-]*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError("expected a team's name, `header:NAME` (its value is the team) or `key` (each API key is a team)")
    return value


Glob = Annotated[str, Field(min_length=1, max_length=200, description="`*` stands for any text, `?` for one character")]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="as `extproc fingerprint` prints it")]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", description="HH:MM")]


class Hours(Strict):
    """A time window of the week."""

    days: list[Day] = Field(list(_DAYS), min_length=1, description="days of the week")
    begin: Clock = Field("00:00", alias="from", description="first minute")
    end: Clock = Field("24:00", alias="to", description="first minute after it; before `from`: on the next day")
    zone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description="time zone")

    def words(self) -> str:
        """Give it as people write it."""
        days = "" if len(set(self.days)) == len(_DAYS) else f"{' '.join(self.days)} "
        return f"{days}{self.begin}–{self.end} {self.zone}"

    def numbers(self) -> tuple[frozenset[int], int, int, tzinfo]:
        """Give the days (Monday is 0), the minutes of the day, and the zone."""
        minutes = [int(clock[:2]) * 60 + int(clock[3:]) for clock in (self.begin, self.end)]
        return frozenset(_DAYS.index(day) for day in self.days), minutes[0], minutes[1], ZoneInfo(self.zone)


class Percent(Strict):
    """A part of all requests, the same ones always."""

    share: float = Field(ge=0, le=100, description="so many of a hundred")
    by: Literal["session", "key", "trace"] = Field(
        "session", description="what stays together: an agent's session (else its trace), an API key, a trace"
    )


class Match(Strict):
    """Conditions; all that are given must hold, and without any every request matches."""

    headers: dict[HeaderName, Glob] = Field({}, description="request header → its value")
    path: Glob | None = Field(None, description="request path without its query string")
    dialect: list[Dialect] = Field([], description="wire APIs")
    model: Glob | None = Field(None, description="the model that the client asks for")
    key: list[Fingerprint] = Field([], description="fingerprints of API keys")
    jwt: dict[str, Glob] = Field({}, description="claim → its value, of the token that Envoy has verified (identity.jwt_payload_header)")
    certificate: Glob | None = Field(None, description="URI of the client's certificate (identity.forwarded_certificate)")
    namespace: Glob | None = Field(None, description="Kubernetes namespace of the client, by its SPIFFE id")
    service_account: Glob | None = Field(None, description="Kubernetes service account of the client, by its SPIFFE id")
    time: Hours | None = Field(None, description="only in this time window")
    percent: Percent | None = Field(None, description="only a part of them")


class PolicyModels(Strict):
    """Other models at the same providers."""

    draft: ModelName | None = Field(None, description="name of the draft model")
    verify: ModelName | None = Field(None, description="name of the verify model; `keep` = the one that the client asks for")

    @field_validator("draft")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value == "keep":
            raise ValueError("expected the draft model's name (`keep` would ask its provider for the client's model)")
        return value


class PolicyBudget(Strict):
    """Other limits for one request."""

    max_calls: int | None = Field(None, ge=1, description="as budget.max_calls")
    max_cost_usd: float | None = Field(None, gt=0, description="as budget.max_cost_usd")
    max_wall_s: Seconds | None = Field(None, description="as budget.max_wall_s")


class Daily(Strict):
    """What a team may spend in a day (UTC), over all its requests."""

    team: Annotated[str, AfterValidator(_team)] = Field("", description="its name, `header:NAME` or `key`; default: the policy's name")
    usd: float | None = Field(None, gt=0, le=1_000_000, description="US dollars")
    max_tokens: int | None = Field(None, gt=0, le=1_000_000_000_000, description="tokens, read and written")
    when_spent: Literal["draft", "refuse"] = Field(
        "draft", description="draft = the draft model answers alone from then on; refuse = 429 until the next day"
    )

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.usd is None and self.max_tokens is None:
            raise ValueError("expected usd or max_tokens")
        return self


class Settings(Strict):
    """What is other than in the rest of the configuration."""

    mode: Mode | None = Field(None, description="as mode")
    skip_below: float | None = Field(None, ge=0, le=1, description="as router.skip_below")
    direct_above: float | None = Field(None, ge=0, le=1, description="as router.direct_above")
    plan: Plan | None = Field(None, description="this plan whatever the score says, as far as the request allows it")
    models: PolicyModels = Field(PolicyModels(), description="other models at the same providers")
    budget: PolicyBudget = Field(PolicyBudget(), description="other limits for one request")
    daily: Daily | None = Field(None, description="what a team may spend in a day")
    client_override: bool = Field(False, description="clients may choose the plan by the header x-cascade-plan")


class PolicySection(Strict):
    """One policy."""

    name: RuleName = Field(description="stands in metrics, traces and the decision log")
    match: Match = Field(Match(), description="which requests")
    settings: Settings = Field(alias="set", description="what is other for them")

    @field_validator("name")
    @classmethod
    def _own_name(cls, value: str) -> str:
        if value == "default":
            raise ValueError("`default` is the name of what applies where no policy does; choose another")
        return value


class Identity(Strict):
    """How clients are told apart."""

    key_salt: str = Field("cascade", min_length=1, max_length=64, description="goes into the fingerprints of API keys")
    jwt_payload_header: HeaderName | None = Field(
        None,
        description="header in which the Envoy before us hands on the payload of a token that it has verified; only then it is believed",
    )
    forwarded_certificate: bool = Field(
        False, description="believe x-forwarded-client-cert: only where a proxy of the mesh before us sets it and clients cannot"
    )


def globbed(pattern: str) -> re.Pattern[str]:
    """Compile a pattern."""
    return re.compile(translate(pattern))
