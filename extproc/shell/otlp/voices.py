"""What is the same for all calls of a kind, made once: the words of their spans, and where the metrics count them."""

from __future__ import annotations

from extproc.core.steps.content import FINISHED
from extproc.shell.otlp import genai
from extproc.shell.otlp.encoding import Kind, attributes, named
from extproc.shell.otlp.genai import Server, Servers
from extproc.shell.otlp.journey import ModelCall
from extproc.shell.otlp.metrics import ClientMetrics

_KEPT = 2000
"""Kinds that are remembered. Names of models may be a client's, so there must be an end to it."""


class Voice:
    """One kind of call: to this model, by this server, in this form, with this end."""

    __slots__ = ("_first", "_given", "_taken", "_time", "named", "words")

    def __init__(self, call: ModelCall, server: Server | None, metrics: ClientMetrics) -> None:
        who = {
            genai.OPERATION: genai.CHAT,
            genai.PROVIDER: server.provider if server else None,
            genai.REQUEST_MODEL: call.model,
            genai.RESPONSE_MODEL: call.answer_model,
            genai.SERVER: server.host if server else None,
            genai.PORT: server.port if server else None,
        }
        self.named = named(f"chat {call.model}" if call.model else "chat", Kind.CLIENT)
        self.words = attributes(
            {
                **who,
                genai.STREAM: call.stream,
                genai.FINISH_REASONS: (FINISHED.get(call.finish, call.finish),) if call.finish else None,
                genai.STATUS: call.status or None,
                genai.ERROR: call.error,
                "cascade.role": str(call.role),
                "cascade.rejected": call.rejected,
            }
        )
        key = attributes(who)
        self._time = metrics.duration.points(key + attributes({genai.ERROR: call.error}))
        self._first = metrics.first.points(key)
        self._taken, self._given = (metrics.tokens.points(key + attributes({genai.TOKEN_TYPE: kind})) for kind in ("input", "output"))

    def count(self, call: ModelCall) -> None:
        """Enter a call into the metrics."""
        self._time.add((call.ended_ns - call.began_ns) / 1e9)
        if call.stream and call.first_ns is not None:
            self._first.add((call.first_ns - call.began_ns) / 1e9)
        if call.usage is not None and not call.error:
            self._taken.add(call.usage.input)
            self._given.add(call.usage.output)


class Voices:
    """All kinds that have come."""

    def __init__(self, servers: Servers, metrics: ClientMetrics) -> None:
        self._servers = servers
        self._metrics = metrics
        self._known: dict[tuple[str | int | bool, ...], Voice] = {}

    def of(self, call: ModelCall) -> Voice:
        """Give the kind of a call."""
        said = (
            call.role,
            call.dialect,
            call.model,
            call.answer_model,
            call.status,
            call.error,
            call.rejected,
            call.finish,
            call.stream,
        )
        voice = self._known.get(said)
        if voice is None:
            server = self._servers.get((call.role, call.dialect)) or self._servers.get((call.role, ""))
            voice = Voice(call, server, self._metrics)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[said] = voice
        return voice
