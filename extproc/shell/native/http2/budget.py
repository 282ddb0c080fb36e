"""How much of something may happen in a period."""

from __future__ import annotations

from extproc.shell.native.http2.limits import PERIOD_S


class Budget:
    """Spent by those who flood us; full again with every period."""

    __slots__ = ("_began_s", "_left", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._began_s = 0.0

    def spend(self, now_s: float) -> bool:
        """Take one. False: there is none left."""
        if now_s - self._began_s >= PERIOD_S:
            self._began_s = now_s
            self._left = self._size
        self._left -= 1
        return self._left >= 0
