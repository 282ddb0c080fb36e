"""What can go wrong in the core, as a tree.

CoreError
├── UnreadableError   the request cannot be read for certain; it is bypassed, its bytes untouched
└── MalformedError    an answer is not what its dialect says; the other model answers
"""

from __future__ import annotations


class CoreError(Exception):
    """Base of all errors that the core raises on purpose."""


class UnreadableError(CoreError):
    """A request that cannot be read for certain. `rule` is a fixed rule name (never content) that says why."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class MalformedError(CoreError):
    """An answer of a provider that is not what its dialect says. `kind` is a fixed name (never content) that says why."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
