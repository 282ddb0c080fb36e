"""What can be wrong with a configuration, said so that it can be put right: file, line, key, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Path = tuple[str, ...]
"""A value's place in the file: the keys that lead to it, list positions included."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right (or, as a warning, to think about). Never holds a secret's value."""

    key: str
    """Dotted key; empty for the file as a whole."""
    message: str
    file: str = ""
    line: int | None = None
    """From 1, as editors count."""
    column: int | None = None

    def __str__(self) -> str:
        """Give the one line that people and editors read: `cascade.yaml:12: models.draft.base_url: expected …`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """A configuration that cannot be used. `problems` lists everything found, in the file's order; its text has one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands, and what it looks like to a reader."""

    line: int
    column: int
    found: str = field(repr=False)
    """The value in a few words; empty where it is long, odd or a secret's."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of a configuration came from. All sources are equal: it makes no value another value."""

    file: str = field(default="", compare=False)
    spots: Mapping[Path, Spot] = field(default_factory=dict, compare=False, repr=False)

    def problem(self, path: Path, message: str) -> Problem:
        """Make a problem of the value at `path`; a value that the file leaves out is placed at its nearest section."""
        spot = next((self.spots[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.spots), None)
        key = ".".join(shown(part) for part in path)
        return Problem(key, message, self.file, spot.line if spot else None, spot.column if spot else None)


def shown(key: str) -> str:
    """Give a key as it can be printed on one line."""
    clipped = key if len(key) <= 64 else key[:60] + "…"
    return clipped if clipped.isprintable() else ascii(clipped)
