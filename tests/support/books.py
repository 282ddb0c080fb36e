"""Books kept apart from the system's own: by what the simulated providers sent, with plain decimal arithmetic.

Every request has a mark among its words, which each model call for it repeats; so the calls of a request are known here without a look
at anything that the system says of itself.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from extproc.simulator.exchange import Exchange
from tests.support.pair import DRAFT_PRICE, VERIFY_PRICE

_MARK = re.compile(rb"mark-(\d{5})-")
_NONE = {"input": 0, "output": 0, "cached_input": 0, "cache_write": 0}


def mark(number: int) -> str:
    """Give the mark of a request, to stand among its words."""
    return f"mark-{number:05d}-"


def usage_told(path: str, sent: bytes) -> dict[str, int]:
    """Read the usage out of a provider's bytes, whole or streamed, as the provider's documentation has it; `input` is all that was read."""
    events = (
        [json.loads(line[6:]) for line in sent.splitlines() if line.startswith(b"data: {")] if b"data: " in sent else [json.loads(sent)]
    )
    told: dict[str, Any] = {}
    for event in events:
        for place in (event.get("message") or {}, event.get("response") or {}, event):
            told.update({key: value for key, value in (place.get("usage") or {}).items() if value is not None})
    if path == "/v1/messages":
        cached, written = told.get("cache_read_input_tokens", 0), told.get("cache_creation_input_tokens", 0)
        read = told["input_tokens"] + cached + written
        return {"input": read, "output": told["output_tokens"], "cached_input": cached, "cache_write": written}
    read, out = ("prompt", "completion") if path == "/v1/chat/completions" else ("input", "output")
    cached = (told.get(f"{read}_tokens_details") or {}).get("cached_tokens", 0)
    return {"input": told[f"{read}_tokens"], "output": told[f"{out}_tokens"], "cached_input": cached, "cache_write": 0}


def cost(role: str, usage: dict[str, int]) -> Decimal:
    """Price a call: dollars per million tokens, cached input apart; what has no price of its own costs as much as input."""
    price = DRAFT_PRICE if role == "draft" else VERIFY_PRICE
    each = {name: Decimal(str(price.get(name, price["input"]))) for name in ("input", "cached_input", "cache_write")}
    fresh = usage["input"] - usage["cached_input"] - usage["cache_write"]
    read = fresh * each["input"] + usage["cached_input"] * each["cached_input"] + usage["cache_write"] * each["cache_write"]
    return (read + usage["output"] * Decimal(str(price["output"]))) / 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as its client saw it: how it ended, and by whom it was answered."""

    number: int
    path: str
    outcome: str
    known: bool = True
    """False where the provider was never heard to its end, so that nobody can know the cost."""


@dataclass
class Books:
    """What all requests come to."""

    requests: Counter[str] = field(default_factory=Counter)
    tokens: Counter[tuple[str, str]] = field(default_factory=Counter)
    costs: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    each: dict[int, Decimal] = field(default_factory=dict)
    """Request → what it cost."""
    baseline: Decimal = Decimal(0)
    unknown: int = 0

    @property
    def cost(self) -> Decimal:
        """What all cost."""
        return sum(self.costs.values(), Decimal(0))


def kept(asked: Iterable[Asked], drafts: Iterable[Exchange], verifies: Iterable[Exchange]) -> Books:
    """Keep the books of requests by what the providers saw."""
    calls: defaultdict[int, dict[str, Exchange]] = defaultdict(dict)
    for role, exchanges in (("draft", drafts), ("verify", verifies)):
        for exchange in exchanges:
            if found := _MARK.search(exchange.body):
                assert role not in calls[int(found[1])], "called twice"
                calls[int(found[1])][role] = exchange
    books = Books()
    for one in asked:
        books.requests[one.outcome] += 1
        if not one.known:
            books.unknown += 1
            continue
        usages = {role: _usage(one.path, exchange) for role, exchange in calls[one.number].items()}
        for role, usage in usages.items():
            books.costs[role] += cost(role, usage)
            for name, count in usage.items():
                books.tokens[role, name] += count
        books.each[one.number] = sum((cost(role, usage) for role, usage in usages.items()), Decimal(0))
        books.baseline += cost("verify", _alone(one.outcome, usages))
    return books


def _usage(path: str, exchange: Exchange) -> dict[str, int]:
    """An error costs nothing, nor does what never began to answer."""
    return usage_told(path, bytes(exchange.sent)) if exchange.status == 200 and exchange.sent else _NONE


def _alone(outcome: str, usages: dict[str, dict[str, int]]) -> dict[str, int]:
    """What verify alone would have read and written (docs/money.md)."""
    draft, verify = usages.get("draft"), usages.get("verify")
    if outcome == "FAILED":
        return _NONE
    if outcome in {"DIRECT", "RESCUED"} or draft is None:
        return verify or _NONE
    cache = verify if verify and verify["input"] else draft
    cached = min(cache["cached_input"], draft["input"])
    written = min(cache["cache_write"], draft["input"] - cached)
    answer = verify if outcome == "ENHANCED" and verify else draft
    return {"input": draft["input"], "output": answer["output"], "cached_input": cached, "cache_write": written}
