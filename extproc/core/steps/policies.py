"""Which policy a request is decided by: the first whose conditions all hold. Pure; what identities mean is Envoy's to say.

A condition is a function of `Facts`. The configuration builds them once, with the makers below; a request then costs one call for
each condition that is looked at, and nothing where there are no policies.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import blake2b
from typing import Any

import msgspec

from extproc.core.events import Headers
from extproc.core.policy import Allowance, Policy
from extproc.core.vocabulary import Plan, Request

PLAN_HEADER = "x-extproc-plan"
"""Under this name Envoy hands on what a client asks for in `x-cascade-plan`; nobody else can set it."""
CERTIFICATE_HEADER = "x-forwarded-client-cert"
_SESSIONS = ("x-claude-code-session-id", "session-id", "session_id", "x-session-id", "x-session-affinity", "thread-id")
"""Headers by which agents name a conversation."""
_PAIR = re.compile(r'(^|[;,]) *([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)')
"""One pair of x-forwarded-client-cert; what stands in quotation marks is a whole, whatever is in it."""
_SPIFFE = re.compile(r"spiffe://[^/]+/ns/([^/]+)/sa/([^/]+)\Z")
_CLAIMS = msgspec.json.Decoder(dict[str, Any])
_HUNDRED = 100.0
_PLANS: Mapping[str, Plan] = {str(plan): plan for plan in Plan}
_UNFIT = re.compile(r"[^A-Za-z0-9_.@-]")
_LONGEST = 64
NOBODY = "nobody"


class Facts(msgspec.Struct, frozen=True):
    """What conditions may look at."""

    headers: Headers
    path: str
    """Without its query string."""
    request: Request
    trace_id: str
    at: float
    """Seconds of the Unix clock."""
    salt: bytes = b""
    """Key of the fingerprints."""
    key: str = ""
    """Fingerprint of the client's API key where it is known and the key itself is not."""


Condition = Callable[[Facts], bool]


class Spent(msgspec.Struct, frozen=True, gc=False):
    """What a team has spent today, as far as this process knows."""

    pico_usd: int = 0
    tokens: int = 0

    def exceeds(self, allowance: Allowance) -> bool:
        """Whether nothing is left."""
        dear = allowance.pico_usd is not None and self.pico_usd >= allowance.pico_usd
        return dear or (allowance.tokens is not None and self.tokens >= allowance.tokens)


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy and when it applies."""

    policy: Policy
    conditions: tuple[Condition, ...]
    told: tuple[str, ...] = ()
    """The same in words, one by one."""


def chosen(rules: Sequence[Rule], default: Policy, facts: Facts) -> Policy:
    """Give the policy of a request."""
    for rule in rules:
        for condition in rule.conditions:
            if not condition(facts):
                break
        else:
            return rule.policy
    return default


def obstacle(rule: Rule, facts: Facts) -> str | None:
    """Say in words which condition keeps a rule from a request, the first of them; None where it applies."""
    return next((told for told, condition in zip(rule.told, rule.conditions, strict=True) if not condition(facts)), None)


def team_of(allowance: Allowance, facts: Facts) -> str:
    """Name the team that a request is charged to; `nobody` where a request does not say."""
    kind, _, name = allowance.team.partition(":")
    if allowance.team == "key":
        return mark(facts) or NOBODY
    if kind == "header" and name:
        return _UNFIT.sub("_", facts.headers.get(name))[:_LONGEST] or NOBODY
    return allowance.team


def asked_plan(headers: Headers) -> Plan | None:
    """Give the plan that a client asks for; None where it asks for none, or for one that does not exist."""
    return _PLANS.get(headers.get(PLAN_HEADER).strip().lower())


# Conditions.


def header(name: str, pattern: re.Pattern[str]) -> Condition:
    """A header has such a value."""
    return lambda facts: bool(pattern.match(facts.headers.get(name)))


def path(pattern: re.Pattern[str]) -> Condition:
    """The request path is such a one."""
    return lambda facts: bool(pattern.match(facts.path))


def dialect(names: frozenset[str]) -> Condition:
    """The client speaks one of these dialects."""
    return lambda facts: facts.request.dialect in names


def model(pattern: re.Pattern[str]) -> Condition:
    """The client asks for such a model."""
    return lambda facts: bool(pattern.match(facts.request.model))


def key(fingerprints: frozenset[str]) -> Condition:
    """The client's API key is one of these."""
    return lambda facts: mark(facts) in fingerprints


def claim(payload_header: str, name: str, pattern: re.Pattern[str]) -> Condition:
    """A claim of the client's token, which Envoy has verified and put into a header, has such a value (one of them, of a list)."""

    def holds(facts: Facts) -> bool:
        payload = facts.headers.get(payload_header)
        if not payload:
            return False
        value = _claims(payload).get(name)
        values = value if isinstance(value, list) else [value]
        return any(pattern.match(one) for one in values if isinstance(one, str))

    return holds


def certificate(pattern: re.Pattern[str]) -> Condition:
    """The client's certificate, which Envoy has verified, has such a URI."""
    return lambda facts: any(pattern.match(uri) for uri in _uris(facts.headers))


def workload(namespace: re.Pattern[str] | None, account: re.Pattern[str] | None) -> Condition:
    """The client runs in such a Kubernetes namespace, under such a service account, as its SPIFFE id says."""

    def holds(facts: Facts) -> bool:
        uris = _uris(facts.headers)
        found = _SPIFFE.match(uris[0]) if len(uris) == 1 else None  # SPIFFE X509-SVID, section 2: exactly one
        if found is None:
            return False
        return (namespace is None or bool(namespace.match(found[1]))) and (account is None or bool(account.match(found[2])))

    return holds


def hours(days: frozenset[int], begin: int, end: int, zone: tzinfo) -> Condition:
    """It is one of these days (Monday is 0), from one minute of the day up to another; over midnight where the end comes first."""

    def holds(facts: Facts) -> bool:
        now = datetime.fromtimestamp(facts.at, UTC).astimezone(zone)
        minute, day = now.hour * 60 + now.minute, now.weekday()
        if begin <= end:
            return day in days and begin <= minute < end
        # What began yesterday and goes over midnight counts for the day on which it began.
        return (day in days and minute >= begin) or ((day - 1) % 7 in days and minute < end)

    return holds


def share(percent: float, by: str) -> Condition:
    """So many of a hundred sessions, keys or traces; the same ones always, and a higher share keeps those of a lower one."""

    def holds(facts: Facts) -> bool:
        name = _NAMED[by](facts) or facts.trace_id
        place = int.from_bytes(blake2b(name.encode(errors="replace"), digest_size=8, key=facts.salt).digest())
        return place * _HUNDRED < percent * (1 << 64)

    return holds


# Who asks.


def credential(headers: Headers) -> str:
    """Give the client's API key, wherever its dialect has it; empty where there is none."""
    plain = headers.get("x-api-key") or headers.get("api-key")
    kind, _, token = headers.get("authorization").partition(" ")
    return plain or (token.strip() if kind.lower() == "bearer" else "")


def mark(facts: Facts) -> str:
    """Give the fingerprint of the client's API key; empty where there is none."""
    return facts.key or fingerprint(credential(facts.headers), facts.salt)


def fingerprint(secret: str, salt: bytes) -> str:
    """Give what stands for an API key in configurations and counters: it tells keys apart, and nothing about them."""
    return blake2b(secret.encode(errors="replace"), digest_size=8, key=salt[:64]).hexdigest() if secret else ""


def _session(facts: Facts) -> str:
    return next((value for name in _SESSIONS if (value := facts.headers.get(name))), "")


_NAMED: Mapping[str, Callable[[Facts], str]] = {
    "session": _session,
    "key": mark,
    "trace": lambda facts: facts.trace_id,
}


def _uris(headers: Headers) -> list[str]:
    """The URIs of the client's certificate: those in the last element, which the proxy before us has put there."""
    told = headers.get(CERTIFICATE_HEADER)
    found: list[str] = []
    for separator, name, value in _PAIR.findall(told) if told else ():
        if separator == ",":
            found = []
        if name.lower() == "uri":
            found.append(value.strip('"'))
    return found


def _claims(payload: str) -> Mapping[str, Any]:
    """Read a token's payload as Envoy's jwt_authn hands it on (`forward_payload_header`): base64url, its padding left out."""
    try:
        return _CLAIMS.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (msgspec.DecodeError, binascii.Error, UnicodeDecodeError, RecursionError, ValueError):
        return {}
