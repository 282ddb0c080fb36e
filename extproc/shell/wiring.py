"""Notices that no access log comes although requests pass: in a mesh whose Envoy somebody else has configured, it is easily forgotten.

Envoy gives each of its threads one worker to tell, so a worker that hears nothing may still be one of a plant that does. Whoever hears
something touches a file, and looks there before it complains.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, time

_LEAST = 3
_PATIENCE_S = 60.0
_TOUCH_S = 10.0
MESSAGE = (
    "requests pass, but no access log comes from Envoy: tokens and costs of what it carries are unknown, and there are no records. "
    "Its listener needs the gRPC access log of `extproc envoy-config`, log name `client`"
)


class Wiring:
    """Whether finished requests are told to anybody here."""

    def __init__(
        self,
        mark: Path,
        warn: Callable[[str], None],
        unknown: Callable[[int], None],
        *,
        least: int = _LEAST,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Know nothing yet.

        Args:
            mark: file in the runtime folder, touched by whichever worker hears of a request.
            warn: is told once that nothing comes.
            unknown: is told of how many requests nobody will know the cost.
            least: requests that must have passed before it is noticed.
            patience_s: how long after them something may still come.
        """
        self._mark = mark
        self._warn = warn
        self._unknown = unknown
        self._least = least
        self._patience_s = patience_s
        self._began = time()
        self._touch_at = 0.0
        self._enough_at: float | None = None
        self._wired = False
        self._counted = 0
        self._warned = False

    def heard(self) -> None:
        """Note that an access log came."""
        self._wired = True
        if monotonic() >= self._touch_at:
            self._touch_at = monotonic() + _TOUCH_S
            with suppress(OSError):
                self._mark.touch(mode=0o600)

    def look(self, decisions: int) -> None:
        """Take note of how many requests have passed this worker so far; to be called from time to time."""
        if self._wired or decisions < self._least:
            return
        if self._enough_at is None:
            self._enough_at = monotonic()
        if monotonic() < self._enough_at + self._patience_s:
            return
        if self._heard_by_others():
            self._wired = True
            return
        if not self._warned:
            self._warned = True
            self._warn(MESSAGE)
        self._unknown(decisions - self._counted)
        self._counted = decisions

    def _heard_by_others(self) -> bool:
        try:
            return self._mark.stat().st_mtime >= self._began - 1.0  # the clock of files runs in coarser steps
        except OSError:
            return False
