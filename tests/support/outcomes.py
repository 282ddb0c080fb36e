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
    spans: str = ""
    """What stands below `cascade {outcome}` in a trace: `draft` and `verify` for held calls, `>` before one that Envoy carries."""

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
    Case("passes", "SKIPPED", "draft", EASY, spans="classify >draft"),
    Case("checked", "SKIPPED", "draft", EASY, checked=True, spans="classify draft check stitch"),
    Case("judged", "ACCEPTED", "cascade", verify="verdict=accept", spans="classify draft check verify stitch"),
    Case("improved", "ENHANCED", "cascade", verify="verdict=improve", spans="classify draft check verify stitch"),
    Case("passes", "DIRECT", "direct", DIRECT, spans="classify >verify"),
    Case("refused", "RESCUED", "draft", EASY, draft="status=400", spans="classify >draft verify stitch"),
    Case("unavailable", "RESCUED", "cascade", draft="status=503", spans="classify draft verify stitch"),
    Case("check failed", "RESCUED", "cascade", draft="empty", spans="classify draft check verify stitch"),
    Case("not judged", "FALLBACK", "cascade", verify="status=500", spans="classify draft check verify stitch"),
    Case("both refuse", "FAILED", "cascade", draft="status=400", verify="status=429", spans="classify draft verify"),
    Case("unreadable", "BYPASSED", "bypass"),
)
