"""The GenAI conventions' client metrics of model calls: tokens, duration, time to the first chunk; cumulative, since the start.

They count every call of every request, sampled or not. Their attributes come from the configuration but for the model's name, which
may be a client's: so there is a bound to the sets of attributes, and what is beyond counts as overflow, as in OpenTelemetry's SDKs.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

from extproc.shell.otlp import genai
from extproc.shell.otlp.encoding import Points, attributes, histogram
from extproc.shell.otlp.genai import Server, Servers
from extproc.shell.otlp.journey import ModelCall

_SETS = 500
"""Sets of attributes of one metric."""
_OVERFLOW = attributes({"otel.metric.overflow": True})

_TOKENS = tuple(float(4**power) for power in range(14))
"""The conventions' bounds of token counts, 1 to 67108864."""
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The conventions' bounds of durations."""
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds of first chunks; those of the conventions' server metric of the like."""


class Histogram:
    """One metric."""

    def __init__(self, name: str, unit: str, bounds: tuple[float, ...]) -> None:
        self._name = name
        self._unit = unit
        self._bounds = bounds
        self._points: dict[bytes, Points] = {}

    def add(self, key: bytes, value: float) -> None:
        """Count a value under attributes as they are written."""
        points = self._points.get(key)
        if points is None:
            key = key if len(self._points) < _SETS else _OVERFLOW
            points = self._points.setdefault(key, Points([0] * (len(self._bounds) + 1)))
        points.counts[bisect_left(self._bounds, value)] += 1
        points.total += value
        points.least = min(points.least, value)
        points.most = max(points.most, value)

    def written(self, since_ns: int, now_ns: int) -> bytes:
        """Write it; nothing where it has no values yet."""
        return histogram(self._name, self._unit, self._bounds, since_ns, now_ns, self._points) if self._points else b""


class ClientMetrics:
    """All of them."""

    def __init__(self, servers: Servers, since_ns: int) -> None:
        self._servers = servers
        self._since_ns = since_ns
        self._tokens = Histogram("gen_ai.client.token.usage", "{token}", _TOKENS)
        self._duration = Histogram("gen_ai.client.operation.duration", "s", _SECONDS)
        self._first = Histogram("gen_ai.client.operation.time_to_first_chunk", "s", _FIRST)

    def add(self, call: ModelCall) -> None:
        """Count a call."""
        server = self._servers.get((call.role, call.dialect)) or self._servers.get((call.role, ""))
        said = (server, call.model, call.answer_model)
        self._duration.add(_key(*said, genai.ERROR, call.error), max(0, call.ended_ns - call.began_ns) / 1e9)
        if call.stream and call.first_ns is not None:
            self._first.add(_key(*said, "", ""), max(0, call.first_ns - call.began_ns) / 1e9)
        if call.usage is not None and not call.error:
            self._tokens.add(_key(*said, genai.TOKEN_TYPE, "input"), call.usage.input)
            self._tokens.add(_key(*said, genai.TOKEN_TYPE, "output"), call.usage.output)

    def written(self, now_ns: int) -> list[bytes]:
        """Write all that have values."""
        made = [one.written(self._since_ns, now_ns) for one in (self._tokens, self._duration, self._first)]
        return [one for one in made if one]


@lru_cache(maxsize=2048)
def _key(server: Server | None, model: str, answer_model: str, name: str, value: str) -> bytes:
    told = {
        genai.OPERATION: genai.CHAT,
        genai.PROVIDER: server.provider if server else None,
        genai.REQUEST_MODEL: model,
        genai.RESPONSE_MODEL: answer_model,
        genai.SERVER: server.host if server else None,
        genai.PORT: server.port if server else None,
    }
    return attributes({**told, name: value} if name else told)
