"""`python -m bench`: measures and prints the tables. Progress goes to stderr."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.bodies import SIZES
from bench.cascade import measure
from bench.cascade_report import cascade_json, cascade_markdown
from bench.figures import CONNECTIONS, Cells, Memory, Result, Round, Variant
from bench.inprocess import readings
from bench.measure import Load, load, resident_mb, taken_by_others
from bench.probe import KIND_OF, check, count_messages, request_for
from bench.report import machine, markdown, to_json
from bench.systems import Kind, System, system, upstream


@dataclass(frozen=True, slots=True)
class Wish:
    """What to measure, and for how long."""

    sizes: list[str]
    rounds: int
    seconds: float
    warm_up: float
    soak: int


@click.command()
@click.option("--quick", is_flag=True, help="Short measurements: a first impression.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Rounds, in which the variants take turns.")
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.1), help="Length of one measurement.")
@click.option("--only", type=click.Choice(list(SIZES)), multiple=True, help="Only this size of body; may be repeated.")
@click.option("--soak", default=0, type=click.IntRange(0), help="Afterwards send this many requests and look at the memory again.")
@click.option("--only-cascade", is_flag=True, help="Only what the cascade adds to its model calls, and what a streamed event costs.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write all figures to this file, too.")
def main(quick: bool, rounds: int, seconds: float, only: tuple[str, ...], soak: int, only_cascade: bool, file: Path | None) -> None:
    """Measure bare Envoy, the floor of grpc.aio and this processor, side by side."""
    signal.signal(signal.SIGTERM, _leave)
    seconds = 0.4 if quick else seconds
    wish = Wish([size for size in SIZES if size in (only or SIZES)], rounds, seconds, min(0.5, seconds / 4), soak)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        result = None if only_cascade else run(wish, Path(name))
        _say("the cascade")
        cascade = measure(Path(name) / "cascade", rounds, seconds / 2)
    click.echo("\n\n".join([markdown(result) if result else machine(), cascade_markdown(cascade)]))
    if file is not None:
        told = {**(to_json(result) if result else {"machine": machine()}), "cascade": cascade_json(cascade)}
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def run(wish: Wish, folder: Path) -> Result:
    """Start everything, measure, stop everything; the folder is for sockets and logs."""
    with ExitStack() as stack:
        port = stack.enter_context(upstream(folder))
        systems = {kind: stack.enter_context(system(kind, port, folder / kind)) for kind in Kind}
        processor = systems[Kind.NATIVE].processor
        assert processor is not None
        idle = resident_mb(processor)
        for size in wish.sizes:
            for variant in Variant:
                check(systems[KIND_OF[variant]], variant, size)
        cells, others = _rounds(wish, systems, folder)
        after = resident_mb(processor)
        counts = count_messages(systems[Kind.NATIVE])
        memory = Memory(idle, after, _soak(systems[Kind.NATIVE], processor, wish.soak, folder))
    _say("reading requests in process")
    return Result(machine(), others, wish.sizes, cells, counts, readings(), memory)


def _rounds(wish: Wish, systems: Mapping[Kind, System], folder: Path) -> tuple[Cells, float]:
    """Let the variants take turns: A B C D, A B C D, …, so that a change of the machine's mood meets all of them."""
    cells: dict[tuple[Variant, str, int], list[Round]] = {}
    others = 0.0
    for size in wish.sizes:
        files = {variant: _file(folder / f"{variant.name}.json", request_for(variant, size)) for variant in Variant}
        for number in range(wish.rounds):
            others = max(others, taken_by_others())
            for connections in CONNECTIONS:
                for variant in Variant:
                    measured = load(systems[KIND_OF[variant]], files[variant], Load(connections, wish.seconds, wish.warm_up))
                    cells.setdefault((variant, size, connections), []).append(measured)
            _say(f"{size}: round {number + 1} of {wish.rounds}")
    return cells, others


def _soak(ours: System, processor: int, wanted: int, folder: Path) -> list[tuple[int, float]]:
    file = _file(folder / "soak.json", request_for(Variant.SKIPPED, "0.2KB"))
    sent, seen = 0, []
    while sent < wanted:
        sent += load(ours, file, Load(16, 2.0, 0.0)).count
        seen.append((sent, resident_mb(processor)))
        _say(f"soak: {sent:,} of {wanted:,} requests, {seen[-1][1]:.1f} MB")
    return seen


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _say(text: str) -> None:
    click.echo(f"bench: {text}", err=True)


def _leave(*_: Any) -> None:
    """End by an exception, so that nothing that was started stays behind."""
    sys.exit(143)


if __name__ == "__main__":
    main()
