"""Many requests on the native transport through the real Envoy, and what is left of them: `python -m bench.soak`, or `make soak`.

Small and large bodies, both plans, and clients that leave before they are answered, in turns. After each turn, once nothing is
under way, memory, tasks and descriptors of the worker are looked at, and those of Envoy. They must be flat: what the second
half adds is nothing, or for memory what an allocator does.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from bench.figures import Variant
from bench.load import request_of
from bench.measure import Load, load, resident_mb
from bench.probe import request_for, stat
from bench.report import machine, table
from bench.systems import Kind, System, around, system
from bench.upstream import WAIT
from bench.watched import LOOK

_SECONDS: Final = 1.5
_LEAVERS: Final = 50
_GROWTH_MB: Final = 1.0
"""An allocator is never quite still; a leak of one record per request would be tens of MB in 100,000."""
_FEW: Final = 8
"""Fewer turns than these show no growth, whether there is any or not."""


@dataclass(frozen=True, slots=True)
class Look:
    """What there is after so many requests."""

    requests: int
    tasks: int
    descriptors: int
    memory_mb: float
    envoy_descriptors: int
    envoy_mb: float


@click.command()
@click.option("--requests", default=200_000, show_default=True, type=click.IntRange(1), help="How many, at least.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write every look to this file, too.")
def main(requests: int, file: Path | None) -> None:
    """Send many requests and hold that nothing grows; ends with 1 where something does."""
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        around(Path(folder)) as shared,
        system(Kind.WATCHED, shared, Path(folder) / "s") as watched,
    ):
        looks, lost = soak(watched, Path(folder), requests)
    click.echo(f"{machine()}\n\n{report(looks)}\n\n{lost} requests failed open or were not answered.")
    if file is not None:
        names = Look.__slots__
        file.write_text(json.dumps([{name: getattr(look, name) for name in names} for look in looks], indent=1) + "\n")
    grown = growing(looks)
    for what in grown:
        click.echo(f"**{what} grows**")
    sys.exit(bool(grown) or lost > 0)


def soak(watched: System, folder: Path, wanted: int) -> tuple[list[Look], int]:
    """Send turn by turn. Gives a look after each, and the number of requests that were not served as they should be."""
    bodies = [
        (request_for(Variant.SKIPPED, "0.2KB"), 16),
        (request_for(Variant.DIRECT, "0.2KB"), 16),
        (request_for(Variant.SKIPPED, "100KB"), 4),
    ]
    files = [(_file(folder / f"{number}.json", body), count) for number, (body, count) in enumerate(bodies)]
    looks, sent, lost = [_look(watched, folder, 0)], 0, 0
    while sent < wanted:
        for file, connections in files:
            done = load(watched, file, Load(connections, _SECONDS, 0.0))
            sent, lost = sent + done.count, lost + done.failed_open
        sent += _leave(watched, bodies[len(looks) % 2][0])
        looks.append(_look(watched, folder, sent))
        click.echo(f"soak: {looks[-1]}", err=True)
    return looks, lost


def _file(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path


def _leave(watched: System, body: bytes) -> int:
    """Ask a provider that takes its time, and leave."""
    asked = request_of(body).replace(b"\r\n\r\n", b"\r\n%b: 200\r\n\r\n" % WAIT.encode(), 1)
    held = [socket.create_connection(("127.0.0.1", watched.port)) for _ in range(_LEAVERS)]
    for one in held:
        one.sendall(asked)
    time.sleep(0.05)
    for one in held:
        one.close()
    return _LEAVERS


def _look(watched: System, folder: Path, sent: int) -> Look:
    """Look once nothing is under way: the same twice."""
    assert watched.processor is not None
    file, before = folder / "s" / LOOK, None
    while True:
        time.sleep(0.5)
        seen = json.loads(file.read_text())
        if seen == before and not stat(watched, r"downstream_rq_active$") - _OWN:
            break
        before = seen
    envoy = len(list(Path(f"/proc/{watched.envoy}/fd").iterdir()))
    return Look(sent, seen["tasks"], seen["descriptors"], resident_mb(watched.processor), envoy, resident_mb(watched.envoy))


_OWN: Final = 1
"""The question for Envoy's statistics is a request, too."""


def growing(looks: Sequence[Look]) -> list[str]:
    """Name what the second half has added to the worker; nothing can be said of memory after few turns.

    The first half may fill what is bounded. Envoy's descriptors are its connections to providers, which come and go.
    """
    middle = next(look for look in looks if look.requests >= looks[-1].requests / 2)
    last = looks[-1]
    grown = [name for name in ("tasks", "descriptors") if getattr(last, name) > getattr(middle, name)]
    if len(looks) >= _FEW and last.memory_mb - middle.memory_mb > _GROWTH_MB:
        grown.append("memory_mb")
    return grown


def report(looks: Sequence[Look]) -> str:
    """Give a table: the first look, the quarters, the last."""
    chosen = [looks[round(part * (len(looks) - 1) / 4)] for part in range(5)]
    head = ["requests", "tasks", "descriptors", "memory, MB", "Envoy: descriptors", "memory, MB"]
    rows = [
        [
            f"{one.requests:,}",
            str(one.tasks),
            str(one.descriptors),
            f"{one.memory_mb:.1f}",
            str(one.envoy_descriptors),
            f"{one.envoy_mb:.1f}",
        ]
        for one in dict.fromkeys(chosen)
    ]
    return table(head, rows)


if __name__ == "__main__":
    main()
