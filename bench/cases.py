"""The requests that the cascade is measured with, each with an outcome that is known beforehand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bench.paced import DRAFT, DRAFT_MODEL, PACE, VERIFY
from bench.systems import Kind
from extproc.core.steps.judge import ACCEPT_WORD

EVENTS = 10
"""Text events of an answer whose time is measured."""
PACE_US = 2_000
LONG = 500
"""Text events of an answer whose processor time is measured: so many that the request itself weighs little."""
LONG_PACE_US = 4_000

_MODEL = "claude-opus-4-8"
_READ: dict[str, Any] = {"name": "read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
_CALLED: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the port?"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "app.toml"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "port = 8080"}]},
]
_WORDY = "A baker sells 14 loaves an hour for 6 hours, then half as many for 3 hours. How many loaves is that?"

JUDGED: dict[str, Any] = {"messages": [{"role": "user", "content": _WORDY}]}
"""A request with plan `cascade`."""
CHECKED: dict[str, Any] = {"messages": _CALLED, "tools": [_READ]}
"""One with plan `draft` whose draft is checked."""
PLAIN: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello there!"}]}
"""One with plan `draft` that passes through."""
HARD: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello there!"}], "tools": [_READ]}
"""One with plan `direct`."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request whose outcome is known beforehand."""

    outcome: str
    asked: dict[str, Any]
    draft: int
    """Text events of the draft; 0: it is empty and fails its checks."""
    verify: int | None
    """Text events of the verify model's answer; 0: it accepts; None: it is not asked."""

    def body(self, *, stream: bool, draft: bool = False) -> bytes:
        """Give the request as the client sends it, or as the draft model gets it."""
        return json.dumps({"model": DRAFT_MODEL if draft else _MODEL, "max_tokens": 1024, "stream": stream, **self.asked}).encode()

    def judging(self, *, stream: bool) -> bytes:
        """Give the second question in the run that has no processor; of the judge's question it has the word that counts."""
        said = {"role": "user", "content": ACCEPT_WORD if self.outcome != "RESCUED" else "Again."}
        asked = {**self.asked, "messages": [*self.asked["messages"], said]}
        return json.dumps({"model": _MODEL, "max_tokens": 1024, "stream": stream, **asked}).encode()

    def headers(self, pace_us: int) -> dict[str, str]:
        """Give the headers that make the provider play along."""
        return {DRAFT: str(self.draft), VERIFY: str(self.verify or 0), PACE: str(pace_us)}


TIMED = (
    Case("SKIPPED", CHECKED, EVENTS, None),
    Case("ACCEPTED", JUDGED, EVENTS, 0),
    Case("ENHANCED", JUDGED, EVENTS, EVENTS),
    Case("RESCUED", JUDGED, 0, EVENTS),
)
STREAMED = {
    "bare Envoy": (Kind.BARE, Case("", PLAIN, LONG, LONG)),
    "passed through, SKIPPED": (Kind.NATIVE, Case("SKIPPED", PLAIN, LONG, None)),
    "passed through, DIRECT": (Kind.NATIVE, Case("DIRECT", HARD, LONG, LONG)),
    "held to its end, SKIPPED": (Kind.NATIVE, Case("SKIPPED", CHECKED, LONG, None)),
    "held at its beginning, ENHANCED": (Kind.NATIVE, Case("ENHANCED", JUDGED, 5, LONG)),
}
"""Row → where it is measured, and with what."""
