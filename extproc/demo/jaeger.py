"""Where the demonstration's traces go, when it is asked to show them in Jaeger."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

USUAL_URL = "http://127.0.0.1:16686"
_OTLP_PORT = 4317
_ANSWERS_S = 5.0


class NoJaegerError(Exception):
    """There is no Jaeger where one should be; the message says where, and how to get one."""


@dataclass(frozen=True, slots=True)
class Jaeger:
    """A Jaeger that runs."""

    url: str
    """Of its page."""
    otlp: str
    """Where it takes spans (gRPC)."""

    def link(self, trace_id: str) -> str:
        """Give the address of one trace's page."""
        return f"{self.url}/trace/{trace_id}"


def find(url: str) -> Jaeger:
    """Make sure that a Jaeger answers there.

    Args:
        url: of its page. Spans go to `OTEL_EXPORTER_OTLP_ENDPOINT`, or to port 4317 of the same host.

    Raises:
        NoJaegerError: nothing answers, or something else does.
    """
    url = url.rstrip("/")
    try:
        told = httpx.get(f"{url}/api/v3/services", timeout=_ANSWERS_S).json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NoJaegerError(f"no Jaeger answers on {url}; `make jaeger` starts one, `make demo-jaeger` both") from error
    if not isinstance(told, dict):
        raise NoJaegerError(f"what answers on {url} is no Jaeger")
    return Jaeger(url, os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or f"http://{urlsplit(url).hostname}:{_OTLP_PORT}")
