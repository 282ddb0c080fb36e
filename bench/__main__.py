"""`python -m bench`: measures and prints the tables. Progress goes to stderr."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from bench.bodies import SIZES, body
from bench.measure import Cell, classify_us, load, messages, outcome, resident_mb
from bench.report import Cells, added_p50, holds, machine, main_table
from bench.systems import System, free_port, process, system

_SYSTEM_OF = {"bare Envoy": "bare", "grpc.aio floor": "floor", "SKIPPED": "ours", "DIRECT": "ours"}
_WARM_UP_S = 0.5


@click.command()
@click.option("--quick", is_flag=True, help="Short rounds: a first impression, not a measurement.")
@click.option("--rounds", default=3, show_default=True, help="Rounds, in which the systems take turns.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of one measurement.")
@click.option("--only", type=click.Choice(list(SIZES)), multiple=True, help="Only this size of body.")
@click.option("--soak", default=0, help="Afterwards send this many requests and look at the memory again.")
def main(quick: bool, rounds: int, seconds: float, only: tuple[str, ...], soak: int) -> None:
    """Measure bare Envoy, the floor of grpc.aio and this processor, side by side."""
    sizes = list(only or SIZES)
    if quick:
        rounds, seconds = min(rounds, 2), 1.0
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder, upstream = Path(name), free_port()
        argv = _python("bench.upstream", str(upstream))
        stack.enter_context(process(*argv, log=folder / "upstream.log"))
        systems = {kind: stack.enter_context(system(kind, upstream, folder / kind)) for kind in ("bare", "floor", "ours")}
        ours = systems["ours"]
        idle_mb = resident_mb(ours.processor or 0)
        _check_plans(ours)
        cells = _rounds(systems, sizes, rounds, seconds, folder)
        _print(cells, sizes, ours, idle_mb)
        if soak:
            _soak(ours, soak, folder)


def _python(module: str, *arguments: str) -> list[str]:
    import sys

    return [sys.executable, "-m", module, *arguments]


def _check_plans(ours: System) -> None:
    """Refuse to measure one thing under the name of another."""
    for direct, wanted in ((False, "SKIPPED"), (True, "DIRECT")):
        for size, length in SIZES.items():
            got = outcome(ours, body(length, direct=direct))
            if got != wanted:
                raise SystemExit(f"the {size} request for {wanted} came back as {got or 'nothing'}")


def _rounds(systems: dict[str, System], sizes: list[str], rounds: int, seconds: float, folder: Path) -> Cells:
    cells: dict[tuple[str, str, int], Cell] = {}
    for size in sizes:
        for number in range(rounds):
            for connections in (1, 16):
                for variant, kind in _SYSTEM_OF.items():
                    file = folder / "body.json"
                    file.write_bytes(body(SIZES[size], direct=variant == "DIRECT"))
                    if number == 0:
                        load(systems[kind], file, connections, _WARM_UP_S)
                    measured = load(systems[kind], file, connections, seconds)
                    cells.setdefault((variant, size, connections), Cell()).rounds.append(measured)
            click.echo(f"{size}: round {number + 1} of {rounds}", err=True)
    return cells


def _print(cells: Cells, sizes: list[str], ours: System, idle_mb: float) -> None:
    click.echo(f"{machine()}\n\n{main_table(cells, sizes)}\n")
    small = sizes[0]
    floor_cpu = cells["grpc.aio floor", small, 16].middle("processor_ms")
    claims: list[tuple[str, float, float]] = []
    for size in [one for one in ("0.2 KB", "100 KB") if one in sizes]:
        claims += [(f"added p50, {size}, {variant}, × floor", added_p50(cells, variant, size)[1], 1.5) for variant in ("SKIPPED", "DIRECT")]
    for variant in ("SKIPPED", "DIRECT"):
        claims.append((f"processor CPU, {small}, {variant}, × floor", cells[variant, small, 16].middle("processor_ms") / floor_cpu, 1.4))
    streamed = {direct: json.dumps({**json.loads(body(200, direct=direct)), "stream": True}).encode() for direct in (False, True)}
    claims += [
        ("messages, SKIPPED, JSON", messages(ours, "POST", "/v1/messages", body(200, direct=False)), 3),
        ("messages, SKIPPED, SSE of 200 events", messages(ours, "POST", "/v1/messages", streamed[False]), 3),
        ("messages, DIRECT, JSON", messages(ours, "POST", "/v1/messages", body(200, direct=True)), 2),
        ("messages, DIRECT, SSE of 200 events", messages(ours, "POST", "/v1/messages", streamed[True]), 2),
        ("messages, no LLM call", messages(ours, "GET", "/v1/models", b""), 0),
    ]
    for size, length, most in (("1 KB", 1_000, 50), ("1 MB", 1_000_000, 1_000)):
        read, judged = classify_us(body(length, direct=False), 2_000 if length < 10_000 else 50)
        click.echo(f"{size}: read in {read:.0f} µs, classified in {judged:.0f} µs")
        claims.append((f"classify, {size}, µs", judged, most))
    claims.append(("resident memory, idle, MB", idle_mb, 90))
    click.echo(f"resident memory: {idle_mb:.0f} MB idle, {resident_mb(ours.processor or 0):.0f} MB after the run\n")
    click.echo(holds(claims))


def _soak(ours: System, count: int, folder: Path) -> None:
    file = folder / "body.json"
    file.write_bytes(body(200, direct=False))
    sent, before = 0.0, resident_mb(ours.processor or 0)
    while sent < count:
        sent += load(ours, file, 16, 10).rps * 10
        click.echo(f"soak: about {sent:,.0f} requests, {resident_mb(ours.processor or 0):.0f} MB", err=True)
    click.echo(f"\nresident memory: {before:.0f} MB before, {resident_mb(ours.processor or 0):.0f} MB after {sent:,.0f} more requests")


if __name__ == "__main__":
    main()
