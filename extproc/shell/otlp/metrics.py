"""The GenAI conventions' client metrics of model calls: tokens, duration, time to the first chunk; cumulative, since the start.

They count every call of every request, sampled or not. Their attributes come from the configuration but for the model's name, which
may be a client's: so there is a bound to the sets of attributes, and what is beyond counts as overflow, as in OpenTelemetry's SDKs.
"""

from __future__ import annotations

from extproc.shell.otlp.encoding import Points, attributes, histogram

_SETS = 500
"""Sets of attributes of one metric."""
_OVERFLOW = attributes({"otel.metric.overflow": True})

_TOKENS = tuple(float(4**power) for power in range(14))
"""The conventions' bounds of token counts, 1 to 67108864."""
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The conventions' bounds of durations."""
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds of first chunks: those of the conventions' server metric of the like."""


class Histogram:
    """One metric."""

    def __init__(self, name: str, unit: str, bounds: tuple[float, ...]) -> None:
        self._name = name
        self._unit = unit
        self._bounds = bounds
        self._points: dict[bytes, Points] = {}

    def points(self, key: bytes) -> Points:
        """Give where values are counted under attributes as they are written."""
        if key not in self._points and len(self._points) >= _SETS:
            key = _OVERFLOW
        return self._points.setdefault(key, Points(self._bounds, [0] * (len(self._bounds) + 1)))

    def written(self, since_ns: int, now_ns: int) -> bytes:
        """Write it; nothing where it has no values yet."""
        counted = {key: points for key, points in self._points.items() if points.most >= points.least}
        return histogram(self._name, self._unit, since_ns, now_ns, counted) if counted else b""


class ClientMetrics:
    """All of them."""

    def __init__(self, since_ns: int) -> None:
        self._since_ns = since_ns
        self.tokens = Histogram("gen_ai.client.token.usage", "{token}", _TOKENS)
        self.duration = Histogram("gen_ai.client.operation.duration", "s", _SECONDS)
        self.first = Histogram("gen_ai.client.operation.time_to_first_chunk", "s", _FIRST)

    def written(self, now_ns: int) -> list[bytes]:
        """Write all that have values."""
        made = [one.written(self._since_ns, now_ns) for one in (self.tokens, self.duration, self.first)]
        return [one for one in made if one]
