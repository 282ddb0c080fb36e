"""`python -m bench`: measures and prints the tables. Progress goes to stderr."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import translation
from bench.bodies import SIZES
from bench.cascade import measure
from bench.cascade_report import cascade_json, cascade_markdown
from bench.figures import CONNECTIONS, Count, Memory, Result, Round, Variant
from bench.inprocess import readings
from bench.measure import Load, load, resident_mb, taken_by_others
from bench.peers import MissingError, go_floor
from bench.probe import KIND_OF, check, count_messages, request_for
from bench.report import machine, markdown, to_json
from bench.systems import Kind, System, around, system


@dataclass(frozen=True, slots=True)
class Wish:
    """What to measure, and for how long."""

    sizes: list[str]
    rounds: int
    seconds: float
    warm_up: float


@click.command()
@click.option("--quick", is_flag=True, help="Short measurements: a first impression.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Rounds, in which the variants take turns.")
@click.option("--seconds", default=2.2, show_default=True, type=click.FloatRange(0.1), help="Length of one measurement.")
@click.option("--only", type=click.Choice(list(SIZES)), multiple=True, help="Only this size of body; may be repeated.")
@click.option("--only-cascade", is_flag=True, help="Only what the cascade adds to its model calls, and what a streamed event costs.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write all figures to this file, too.")
def main(quick: bool, rounds: int, seconds: float, only: tuple[str, ...], only_cascade: bool, file: Path | None) -> None:
    """Measure bare Envoy, the floors of three transports and this processor, side by side."""
    signal.signal(signal.SIGTERM, _leave)
    seconds = 0.4 if quick else seconds
    wish = Wish([size for size in SIZES if size in (only or SIZES)], rounds, seconds, min(0.5, seconds / 4))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        result = None if only_cascade else run(wish, Path(name))
        _say("the cascade")
        cascade = measure(Path(name) / "cascade", rounds, seconds / 2)
    _say("translation in process")
    costs = translation.measure(5 if quick else 15)
    parts = [markdown(result) if result else machine(), cascade_markdown(cascade), translation.translation_markdown(costs)]
    click.echo("\n\n".join(parts))
    if file is not None:
        told = {**(to_json(result) if result else {"machine": machine()}), "cascade": cascade_json(cascade)}
        told["translation"] = translation.translation_json(costs)
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def run(wish: Wish, folder: Path) -> Result:
    """Measure in rounds, each with processes of its own: some are faster than others of their kind for as long as they live."""
    go, without_go = _go_floor(folder)
    cells: dict[tuple[Variant, str, int], list[Round]] = {}
    others, memory, counts = 0.0, list[float](), list[Count]()
    for number in range(wish.rounds):
        place = folder / str(number)
        place.mkdir()
        with _started(place, go) as systems:
            others = max(others, taken_by_others())
            processor = systems[Kind.NATIVE].processor
            assert processor is not None
            memory.append(resident_mb(processor))
            for size in wish.sizes:
                _round(wish, size, systems, place, cells)
                _say(f"round {number + 1} of {wish.rounds}: {size}")
            memory.append(resident_mb(processor))
            counts = counts or count_messages(systems[Kind.NATIVE])
    _say("reading requests in process")
    return Result(machine(), others, wish.sizes, cells, counts, readings(), Memory(memory[0], memory[-1]), without_go)


@contextmanager
def _started(folder: Path, go: Path | None) -> Iterator[dict[Kind, System]]:
    """Start everything, and stop it; the folder is for sockets and logs."""
    with ExitStack() as stack:
        shared = stack.enter_context(around(folder, go_floor=go))
        kinds = dict.fromkeys(KIND_OF[variant] for variant in Variant if go or variant is not Variant.GO)
        yield {kind: stack.enter_context(system(kind, shared, folder / kind)) for kind in kinds}


def _go_floor(folder: Path) -> tuple[Path | None, str]:
    """Build the Go floor, or say why there is none."""
    _say("building the Go floor (the first time half a minute, or more)")
    try:
        return go_floor(folder), ""
    except MissingError as error:
        _say(f"the Go floor is missing: {error}")
        return None, str(error)


def _round(wish: Wish, size: str, systems: Mapping[Kind, System], folder: Path, cells: dict[tuple[Variant, str, int], list[Round]]) -> None:
    """Let the variants take turns: A B C D, A B C D, …, so that a change of the machine's mood meets all of them."""
    variants = [variant for variant in Variant if KIND_OF[variant] in systems]
    for variant in variants:
        check(systems[KIND_OF[variant]], variant, size)
    files = {variant: _file(folder / f"{variant.name}.json", request_for(variant, size)) for variant in variants}
    for connections in CONNECTIONS:
        for variant, file in files.items():
            measured = load(systems[KIND_OF[variant]], file, Load(connections, wish.seconds, wish.warm_up))
            cells.setdefault((variant, size, connections), []).append(measured)


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
