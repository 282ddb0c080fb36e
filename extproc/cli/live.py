"""`extproc check --live`: whether requests really pass through the sidecar.

A pair can be bypassed in silence: the sidecar dead or wedged, so that Envoy fails open, or an Envoy whose listener or routes lack the
filter. So each route is asked by a request of its own, a probe that only the processor answers. Where it is bypassed the probe reaches a
provider, as a request without a model and without a client's key: it is refused there and costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import click
import httpx

from extproc.config.model import Config
from extproc.core.vocabulary import PROBE_ANSWER, PROBE_PATH, PROBES
from extproc.envoyconf.routes import processed_paths
from extproc.shell.probe import UNTRACED, root

_PATIENCE_S = 5.0
"""Longer than Envoy waits for a processor that is wedged: 1 s."""
_EVENTS = {"streams_started": "handed_over", "failure_mode_allowed": "failed_open"}
"""Envoy's counters of its ext_proc filter → what they count."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one question was answered."""

    what: str
    url: str
    passes: bool
    told: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a running pair."""

    ready: Seen
    routes: tuple[Seen, ...]
    counts: dict[str, int] | None
    """Exchanges that Envoy has handed to the sidecar, and those that it went on with alone; None where its admin address is silent."""

    @property
    def verdict(self) -> str:
        """Say it in a sentence."""
        passes = {seen.passes for seen in self.routes}
        if len(self.routes) == 1 and passes == {True}:
            return "BYPASSED: mode is off, so the sidecar gets no requests"
        if passes == {True}:
            return "requests pass through the sidecar" + ("" if self.ready.passes else ", but it says that it is not ready")
        if all(seen.told.startswith("no answer") for seen in self.routes):
            return "DOWN: Envoy does not answer"
        return "BYPASSED: requests reach providers without the sidecar" if passes == {False} else "BYPASSED in part"

    @property
    def ok(self) -> bool:
        """Whether all is as it should be."""
        return self.ready.passes and len(self.routes) > 1 and all(seen.passes for seen in self.routes)


def look(config: Config) -> Look:
    """Ask a running pair, at the addresses of its configuration."""
    envoy = root(config.listen)
    with httpx.Client(timeout=_PATIENCE_S, headers=UNTRACED, trust_env=False) as client:
        ready = _ready(client, f"{root(config.admin)}/readyz")
        routes = [_probed(client, "any request", "GET", f"{envoy}{PROBE_PATH}")]
        for target, dialect in PROBES.items():
            path = target.partition("?")[0]
            if path in processed_paths(config):
                routes.append(_probed(client, dialect, "POST", f"{envoy}{target}"))
        return Look(ready, tuple(routes), _counts(client, f"{root(config.envoy_admin)}/stats"))


def show(seen: Look, *, as_json: bool) -> int:
    """Print what was seen. Gives the exit code: 1 where requests do not pass."""
    if as_json:
        told: dict[str, Any] = {"ok": seen.ok, "verdict": seen.verdict, "ready": asdict(seen.ready)}
        click.echo(json.dumps({**told, "routes": [asdict(one) for one in seen.routes], "envoy": seen.counts}, indent=2))
    else:
        click.echo("\n".join(_lines(seen)))
    return 0 if seen.ok else 1


def _lines(seen: Look) -> Iterator[str]:
    yield seen.verdict
    for one in (seen.ready, *seen.routes):
        yield f"  {'yes' if one.passes else 'NO':<3} {one.what:<16} {one.url}: {one.told}"
    if seen.counts is not None:
        yield "  Envoy, since its start: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in seen.counts.items())


def _ready(client: httpx.Client, url: str) -> Seen:
    try:
        response = client.get(url)
    except httpx.HTTPError as error:
        return Seen("sidecar", url, passes=False, told=_silence(error))
    return Seen("sidecar", url, passes=response.status_code == 200, told="; ".join(_shown(response.text).splitlines()))


def _probed(client: httpx.Client, what: str, method: str, url: str) -> Seen:
    try:
        response = client.request(method, url, content=b"{}" if method == "POST" else None)
    except httpx.HTTPError as error:
        return Seen(what, url, passes=False, told=_silence(error))
    if response.content == PROBE_ANSWER:
        return Seen(what, url, passes=True, told="answered by the sidecar")
    return Seen(what, url, passes=False, told=f"answered without the sidecar (status {response.status_code})")


def _counts(client: httpx.Client, url: str) -> dict[str, int] | None:
    """Add up Envoy's counters; those of all its listeners, as their names begin in many ways."""
    try:
        text = client.get(url, params={"filter": r"ext_proc\.[a-z_.]*(streams_started|failure_mode_allowed)$"}).text
    except httpx.HTTPError:
        return None
    counts = dict.fromkeys(_EVENTS.values(), 0)
    for name, _, count in (line.rpartition(": ") for line in text.splitlines()):
        if (event := _EVENTS.get(name.rpartition(".")[2])) and count.isdecimal():
            counts[event] += int(count)
    return counts


def _silence(error: httpx.HTTPError) -> str:
    return f"no answer ({type(error).__name__})"


def _shown(text: str) -> str:
    """Whatever answers there may be somebody else: nothing of it is to steer a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text[:2000])
