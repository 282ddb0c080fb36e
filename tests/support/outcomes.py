"""Requests that end in each of the eight outcomes, in every way that leads there, for a running pair of providers."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from tests.support.pair import EASY, HARD, Pair, formed, question, steering, told

DIRECT = (
    "Design a lock-free multi-producer queue in C++, prove that it is linearizable, and analyse its security under memory reclamation "
    "races. It must not use hazard pointers, must handle ABA, and must stay wait-free for readers. Explain every trade-off step by step."
)
"""Words that ask for the verify model."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way to an outcome."""

    name: str
    outcome: str
    plan: str
    words: str = HARD
    draft: str = ""
    verify: str = ""
    """How the two providers behave."""
    checked: bool = False
    """JSON is asked for by a schema, so a simple request's draft is held, too."""
    calls: tuple[str, ...] = ()
    """Roles of the calls that are made, in their order."""

    def ask(self, pair: Pair, path: str, *, stream: bool = False) -> httpx.Response:
        """Send it, and make sure that the client sees the outcome."""
        headers = {"x-api-key": "client-key", **steering(self.draft, self.verify)}
        if self.outcome == "BYPASSED":
            response = pair.client.post(path, content=b'{"model": "claude-opus-4-8", ', headers=headers)
        else:
            more = formed(path) if self.checked else {}
            response = pair.client.post(path, json=question(path, self.words, stream=stream, **more), headers=headers)
        assert told(response)[0] == self.outcome, (self.name, response.headers, response.text)
        return response


CASES = (
    Case("passes", "SKIPPED", "draft", EASY, calls=("draft",)),
    Case("checked", "SKIPPED", "draft", EASY, checked=True, calls=("draft",)),
    Case("judged", "ACCEPTED", "cascade", verify="verdict=accept", calls=("draft", "verify")),
    Case("improved", "ENHANCED", "cascade", verify="verdict=improve", calls=("draft", "verify")),
    Case("passes", "DIRECT", "direct", DIRECT, calls=("verify",)),
    Case("refused", "RESCUED", "draft", EASY, draft="status=400", calls=("draft", "verify")),
    Case("unavailable", "RESCUED", "cascade", draft="status=503", calls=("draft", "verify")),
    Case("check failed", "RESCUED", "cascade", draft="empty", calls=("draft", "verify")),
    Case("not judged", "FALLBACK", "cascade", verify="status=500", calls=("draft", "verify")),
    Case("both refuse", "FAILED", "cascade", draft="status=400", verify="status=429", calls=("draft", "verify")),
    Case("unreadable", "BYPASSED", "bypass", calls=()),
)
