"""Eight clients that ask again and again, in three ways, and what came of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice

import httpx
import pytest

from tests.support.pair import EASY, HARD, question, told
from tests.support.system import until

KINDS = {"carried": (EASY, False), "held": (HARD, False), "held stream": (HARD, True)}
"""Carried: Envoy carries the answer. Held: the sidecar makes it, so it dies with the sidecar."""
CLIENTS = 8


@dataclass
class Load:
    """What clients were told, by kind of request."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, outcome) → how often. Outcomes of requests that went by without the sidecar are `passed by`."""
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, what was wrong) → how often."""

    def take(self, kind: str, response: httpx.Response) -> None:
        """Enter an answer. One that is not whole is none."""
        whole = b"message_stop" in response.content if KINDS[kind][1] else response.content.endswith(b"}")
        if response.status_code != 200 or not whole:
            self.failed[kind, str(response.status_code) if response.status_code != 200 else "cut"] += 1
        else:
            self.counts[kind, told(response)[0] or "passed by"] += 1

    def of(self, outcome: str) -> int:
        """How many had an outcome; of no outcome, all."""
        return sum(count for (_, name), count in list(self.counts.items()) if outcome in {name, ""})

    def more(self, outcome: str = "SKIPPED", count: int = 60) -> None:
        """Wait for so many more of an outcome."""
        enough = self.of(outcome) + count
        until(lambda: self.of(outcome) >= enough, 40)

    def told(self) -> str:
        """Say it in a line."""
        rows = [*sorted(self.counts.items()), *[((kind, f"FAILED {why}"), count) for (kind, why), count in sorted(self.failed.items())]]
        failed = sum(self.failed.values())
        total = sum(self.counts.values()) + failed
        return f"{total} requests, {failed} failed: " + ", ".join(f"{count} {kind} {name}" for (kind, name), count in rows)


@contextmanager
def under_load(url: str, capsys: pytest.CaptureFixture[str], what: str, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[Load]:
    """Keep eight clients asking until the end of the block, and print what came of it."""
    load, stop = Load(), threading.Event()

    def ask(first: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for kind in islice(cycle(kinds), first, None):
                if stop.is_set():
                    return
                words, stream = KINDS[kind]
                try:
                    load.take(kind, client.post("/v1/messages", json=question("/v1/messages", words, stream=stream)))
                except httpx.HTTPError as error:
                    load.failed[kind, type(error).__name__] += 1

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield load
    finally:
        stop.set()
        for client in clients:
            client.join()
        with capsys.disabled():
            print(f"\n  {what}: {load.told()}")
