"""Mixed traffic on three running systems, so that every metric has something to tell."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.outcomes import CASES, DIRECT
from tests.support.pair import PATHS, Pair, pair, question
from tests.support.system import free_ports, until

_SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? ", re.MULTILINE)
Samples = dict[str, dict[str, set[str]]]
"""Metric → label → values."""
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Mixed:
    """One that enforces, one in mode shadow, one with hardly any budget and a dead collector, whose processor Envoy passes by at times."""

    enforcing: Pair
    shadow: Pair
    narrow: Pair

    def send(self, path: str, *, stream: bool) -> None:
        """Send a request of every kind to each, and wait until all are recorded."""
        asked = [(self.enforcing, case.ask(self.enforcing, path, stream=stream)) for case in CASES]
        asked += [(self.shadow, self.shadow.ask(path, stream=stream)) for _ in range(3)]
        asked.append((self.narrow, self.narrow.ask(path, stream=stream)))
        asked.append((self.enforcing, self._without_usage()))
        self._pass_by(path)
        for one, response in asked:
            one.record(response)

    def _without_usage(self) -> httpx.Response:
        """A stream of the verify model's that does not tell its tokens."""
        body = question(PATHS[1], DIRECT, stream=True)
        del body["stream_options"]
        return self.enforcing.ask(PATHS[1], body)

    def _pass_by(self, path: str) -> None:
        before = self.narrow.metric("cascade_rule_fired_total", rule="processor_absent")
        worker = self.narrow.system.children()["worker 0"]
        os.kill(worker, signal.SIGSTOP)
        try:
            assert self.narrow.ask(path).status_code == 200
        finally:
            os.kill(worker, signal.SIGCONT)
        until(lambda: self.narrow.metric("cascade_rule_fired_total", rule="processor_absent") > before)

    def expositions(self) -> list[str]:
        """What each says on /metrics."""
        return [httpx.get(f"{one.system.admin}/metrics").text for one in (self.enforcing, self.shadow, self.narrow)]


def samples(exposition: str) -> Samples:
    """All metrics of an exposition that have samples."""
    found: Samples = {}
    for name, labels in _SAMPLE.findall(exposition):
        kept = found.setdefault(name, {})
        for label, value in _LABEL.findall(labels):
            kept.setdefault(label, set()).add(value)
    return found


@contextmanager
def mixed(folder: Path) -> Iterator[Mixed]:
    """Start them."""
    kinds = {
        "enforcing": {},
        "shadow": {"mode": "shadow", "shadow_sample": 1, "shadow_max_inflight": 1},
        "narrow": {"budget": {"max_calls": 1}, "telemetry": {"otlp_endpoint": f"http://127.0.0.1:{free_ports(1)[0]}"}},
    }
    with ExitStack() as stack:
        for name in kinds:
            (folder / name).mkdir()
        yield Mixed(**{name: stack.enter_context(pair(folder / name, **config)) for name, config in kinds.items()})


def everything(mixed: Mixed) -> Samples:
    """The samples of all three together, after one round in every dialect, JSON or SSE."""
    for path, stream in zip(PATHS, (False, True, True), strict=True):
        mixed.send(path, stream=stream)
    whole: Samples = {}
    for exposition in mixed.expositions():
        for name, labels in samples(exposition).items():
            for label, values in {"": set[str](), **labels}.items():
                whole.setdefault(name, {}).setdefault(label, set()).update(values)
    return whole
