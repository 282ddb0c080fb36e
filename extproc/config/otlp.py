"""Where telemetry goes and how much of it: `telemetry.otlp_endpoint`, and OpenTelemetry's own environment variables for the rest. Pure.

A value that the specification does not allow counts as not set, and is told as a problem; it never keeps anything from starting.
Source: OpenTelemetry's "SDK environment variables" and "OTLP exporter" specifications. Times are milliseconds there and seconds here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from extproc.config.endpoints import Upstream
from extproc.core.steps.tracing import Sampling

SERVICE = "cascade-extproc"
"""Our name among services, unless the environment gives another."""

_HTTP_PORT = 4318
_KEPT = Sampling()
_SAMPLERS = {
    "always_on": Sampling(1.0, follows=False),
    "always_off": Sampling(0.0, follows=False),
    "parentbased_always_on": _KEPT,
    "parentbased_always_off": Sampling(0.0, follows=True),
}


class Protocol(StrEnum):
    """How OTLP is spoken."""

    GRPC = "grpc"
    HTTP = "http/protobuf"


@dataclass(frozen=True, slots=True)
class Target:
    """Where one signal goes."""

    upstream: Upstream
    protocol: Protocol
    path: str
    """Of HTTP: the request path."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """They may hold keys."""
    timeout_s: float = 10.0
    gzip: bool = False
    authorities: str = ""
    """File of the certificate authorities that are trusted; empty = the system's."""
    certificate: str = ""
    """File of our own certificate, where the other side wants one."""
    key: str = ""
    """File of its key."""


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported, and where to."""

    traces: Target | None = None
    metrics: Target | None = None
    sampling: Sampling = _KEPT
    service: str = SERVICE
    resource: Mapping[str, str] = field(default_factory=dict)
    """Further attributes of this process."""
    queue: int = 8192
    """Spans that wait at most."""
    batch: int = 512
    """Spans in one message at most."""
    every_s: float = 0.2
    """How long spans gather before they are sent."""
    metrics_every_s: float = 60.0
    problems: tuple[str, ...] = ()
    """What stands in the environment and cannot be used; values are never repeated."""


def export(endpoint: str, environ: Mapping[str, str]) -> Export:
    """Say what is exported.

    Args:
        endpoint: `telemetry.otlp_endpoint`; wins over the environment where it is not empty.
        environ: OpenTelemetry's variables are taken from it.
    """
    told = _Variables(environ)
    if told.text("SDK_DISABLED").lower() == "true":
        return Export()
    return Export(
        traces=_target("traces", endpoint, told),
        metrics=_target("metrics", endpoint, told),
        sampling=_sampling(told),
        service=told.text("SERVICE_NAME") or told.pairs("RESOURCE_ATTRIBUTES").get("service.name", SERVICE),
        resource={name: value for name, value in told.pairs("RESOURCE_ATTRIBUTES").items() if name != "service.name"},
        queue=max(1, int(told.number("BSP_MAX_QUEUE_SIZE", 8192))),
        batch=max(1, int(told.number("BSP_MAX_EXPORT_BATCH_SIZE", 512))),
        every_s=max(0.01, told.number("BSP_SCHEDULE_DELAY", 200) / 1e3),
        metrics_every_s=max(0.1, told.number("METRIC_EXPORT_INTERVAL", 60_000) / 1e3),
        problems=tuple(told.problems),
    )


def header_secrets(exported: Export) -> dict[str, tuple[str, str]]:
    """Give names for the headers that Envoy is to send with its spans, and those headers: (name, value)."""
    return {f"otlp_{number}": header for number, header in enumerate(exported.traces.headers if exported.traces else ())}


def _target(signal: str, endpoint: str, told: _Variables) -> Target | None:
    """Give the target of a signal: its own variables before those of all signals, the configured endpoint before both."""
    kind = told.word(f"{signal.upper()}_EXPORTER", {"otlp", "none"}, "otlp")
    own = f"EXPORTER_OTLP_{signal.upper()}"
    exact = "" if endpoint else told.text(f"{own}_ENDPOINT")
    base = exact or endpoint or told.text("EXPORTER_OTLP_ENDPOINT")
    if kind == "none" or not base:
        return None

    def text(name: str) -> str:
        return told.text(f"{own}_{name}") or told.text(f"EXPORTER_OTLP_{name}")

    spoken = [told.word(f"{place}_PROTOCOL", set(Protocol), "") for place in (own, "EXPORTER_OTLP")]
    url = base if "://" in base else f"{'http' if text('INSECURE').lower() == 'true' else 'https'}://{base}"
    upstream = _upstream(url)
    if upstream is None:
        told.problems.append(f"OTEL_{own}_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL such as http://collector:4317")
        return None
    path = upstream.root if exact else re.sub(r"/v1/(traces|metrics)$", "", upstream.root) + f"/v1/{signal}"
    return Target(
        upstream,
        _protocol(upstream, spoken[0] or spoken[1]),
        path or "/",
        tuple((told.pairs(f"{own}_HEADERS", header=True) or told.pairs("EXPORTER_OTLP_HEADERS", header=True)).items()),
        told.number(f"{own}_TIMEOUT", told.number("EXPORTER_OTLP_TIMEOUT", 10_000)) / 1e3,
        text("COMPRESSION") == "gzip",
        text("CERTIFICATE"),
        text("CLIENT_CERTIFICATE"),
        text("CLIENT_KEY"),
    )


def _upstream(url: str) -> Upstream | None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    return Upstream.of(url) if valid and url.isprintable() else None


def _protocol(upstream: Upstream, told: str) -> Protocol:
    """Where nobody says it, the port says it, and a path does: gRPC has none."""
    if told:
        return Protocol(told)
    return Protocol.HTTP if upstream.port == _HTTP_PORT or upstream.root else Protocol.GRPC


def _sampling(told: _Variables) -> Sampling:
    name = told.word("TRACES_SAMPLER", {*_SAMPLERS, "traceidratio", "parentbased_traceidratio"}, "parentbased_always_on")
    if name in _SAMPLERS:
        return _SAMPLERS[name]
    return Sampling(min(1.0, told.number("TRACES_SAMPLER_ARG", 1.0)), follows=name.startswith("parentbased_"))


class _Variables:
    """Reads variables by their names without `OTEL_`; an empty one counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        return self._environ.get(f"OTEL_{name}", "").strip()

    def word(self, name: str, words: set[str], default: str) -> str:
        told = self.text(name).lower()
        if told and told not in words:
            self._problem(name, " or ".join(sorted(words)))
        return told if told in words else default

    def number(self, name: str, default: float) -> float:
        told = self.text(name)
        if told and re.fullmatch(r"\d{1,9}(\.\d+)?", told):
            return float(told)
        if told:
            self._problem(name, "a number, not below zero")
        return default

    def pairs(self, name: str, *, header: bool = False) -> dict[str, str]:
        """Read `key=value,key=value`; values are percent-encoded."""
        made = {}
        for part in filter(None, map(str.strip, self.text(name).split(","))):
            key, _, value = (unquote(piece.strip()) for piece in part.partition("="))
            key = key.lower() if header else key
            if not re.fullmatch(r"[a-z0-9!#$&'*+.^_`|~-]+" if header else r"[!-~]+", key) or not value.isprintable():
                self._problem(name, "key=value, separated by commas")
                continue
            made[key] = value
        return made

    def _problem(self, name: str, expected: str) -> None:
        told = f"OTEL_{name}: expected {expected}; it counts as not set"
        if told not in self.problems:
            self.problems.append(told)
