"""A real Jaeger on free ports, and what it keeps, read back through its own query API (`/api/v3`)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.system import free_ports, until
from tools.jaeger.run import CONFIG, PAGE, UI_CONFIG, Ports, at_hand

_READY_S = 30
_KINDS = ("", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_ERROR = 2


@dataclass(frozen=True, slots=True)
class Span:
    """One span, as Jaeger tells it. Times are nanoseconds since the epoch."""

    service: str
    id: str
    parent: str
    name: str
    kind: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Trace(tuple[Span, ...]):
    """The spans of one trace."""

    def named(self, name: str) -> Span:
        """The one span of this name."""
        found = [span for span in self if span.name == name]
        assert len(found) == 1, f"{len(found)} spans {name!r} among {[span.name for span in self]}"
        return found[0]

    def below(self, parent: Span | None) -> list[Span]:
        """The children of a span, the first first; of None: spans whose parent is not here."""
        ids = {span.id for span in self}
        above = parent.id if parent else ""
        return sorted((span for span in self if (span.parent if span.parent in ids else "") == above), key=lambda span: span.start)

    def tree(self, parent: Span | None = None, depth: int = 0) -> str:
        """The tree, a line for each span, with its service's first word."""
        lines = [f"{'  ' * depth}{span.service}: {span.name}\n{self.tree(span, depth + 1)}" for span in self.below(parent)]
        return "".join(lines)

    def paths(self) -> list[str]:
        """Every span by the names from the top down to it, sorted."""
        return sorted("/".join(span.name for span in self.above(one)) for one in self)

    def above(self, span: Span) -> list[Span]:
        """A span and all above it that are here, the topmost first."""
        parent = next((one for one in self if one.id == span.parent), None)
        return [*(self.above(parent) if parent else []), span]

    def of(self, service: str) -> list[Span]:
        """The spans of a service, the first first."""
        return sorted((span for span in self if span.service == service), key=lambda span: span.start)


class Jaeger:
    """`with` starts it and waits until it is ready."""

    def __init__(self, folder: Path) -> None:
        binary = at_hand()
        assert binary is not None, "there is no Jaeger; `make test-jaeger` builds one first"
        names = list(Ports().listeners)
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._argv = [str(binary), "--config", str(CONFIG), *(f"--set={name}::endpoint=127.0.0.1:{port}" for name, port in ports.items())]
        self._log = folder / "jaeger.log"
        self._health, query, self.query_grpc, otlp, otlp_http = ports.values()
        self.url, self.otlp, self.otlp_http = (f"http://127.0.0.1:{port}" for port in (query, otlp, otlp_http))
        self._client = httpx.Client(base_url=self.url, timeout=10)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            environ = {"JAEGER_UI_ASSETS": str(PAGE), "JAEGER_UI_CONFIG": str(UI_CONFIG)}
            process = self._process = subprocess.Popen(self._argv, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: process.poll() is not None or self._is_ready(), _READY_S)
            assert process.poll() is None, f"it ended:\n{self._log.read_text()}"
        except AssertionError:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._health}/status", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _stop(self) -> None:
        assert self._process is not None
        self._client.close()  # an idle connection would hold it for ten seconds
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def trace(self, trace_id: str, *, raw: bool = True) -> Trace:
        """What is kept of a trace by now; `raw=False`: with Jaeger's warnings, of which each reading adds one more."""
        answer = self._client.get(f"/api/v3/traces/{trace_id}", params={"raw_traces": str(raw).lower()})
        if answer.status_code == 404:
            return Trace()
        assert answer.status_code == 200, answer.text
        return Trace(_spans(answer.json()["result"]["resourceSpans"]))

    def whole(self, trace_id: str, count: int) -> Trace:
        """Wait until so many spans of a trace are here; AssertionError names those that are."""
        try:
            until(lambda: len(self.trace(trace_id)) >= count)
        except AssertionError:
            raise AssertionError(f"not {count} spans:\n{self.trace(trace_id).tree()}") from None
        return self.trace(trace_id)

    def traces(self, service: str) -> dict[str, int]:
        """All traces with a span of a service: id → spans."""
        answer = self._client.get("/api/traces", params={"service": service, "limit": 1000, "lookback": "1h"})
        assert answer.status_code == 200, answer.text
        return {one["traceID"]: len(one["spans"]) for one in answer.json()["data"]}

    def operations(self, service: str) -> set[str]:
        """The names of a service's spans, as the search form offers them."""
        answer = self._client.get("/api/v3/operations", params={"service": service})
        assert answer.status_code == 200, answer.text
        return {one["name"] for one in answer.json()["operations"]}


def _spans(resources: Sequence[dict[str, Any]]) -> Iterator[Span]:
    for one in resources:
        resource = _attributes(one["resource"].get("attributes", []))
        for scope in one["scopeSpans"]:
            for span in scope["spans"]:
                yield Span(
                    service=resource["service.name"],
                    id=span["spanId"],
                    parent=span.get("parentSpanId", ""),
                    name=span["name"],
                    kind=_KINDS[span.get("kind", 0)],
                    start=int(span["startTimeUnixNano"]),
                    end=int(span["endTimeUnixNano"]),
                    failed=span.get("status", {}).get("code") == _ERROR,
                    attributes=_attributes(span.get("attributes", [])),
                    resource=resource,
                )


def _attributes(pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in pairs}


def _value(value: dict[str, Any]) -> Any:
    """One value; 64-bit integers come as strings."""
    kind, told = next(iter(value.items()))
    if kind == "arrayValue":
        return [_value(one) for one in told.get("values", [])]
    return int(told) if kind == "intValue" else told
