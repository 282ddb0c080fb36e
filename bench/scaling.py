"""`python -m bench.scaling`: what two workers carry, in multiples of what one carries.

A machine of few cores is full with one worker, its Envoy, the load and the provider, so a second worker finds nothing to run on. Here each
worker has the same fixed share of a core (cgroups, so Linux and root), as if the workers had cores of their own and these were the
narrow place. What is left of a factor of two is what workers share: locks, sockets, files, the records of all that one of them takes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import click

from bench.bodies import body
from bench.measure import Load, cpu_s, load
from bench.report import machine, table
from bench.systems import Around, Kind, System, around, configuration, free_ports, process, python, until
from extproc.app.plant import prepare
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import bootstrap
from extproc.envoyconf.binary import envoy_binary

_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
_PERIOD_US = 10_000
"""Short, so that a worker at its bound pauses for milliseconds and not for a tenth of a second."""


@contextmanager
def share_of_a_core(pids: Sequence[int], share: float) -> Iterator[None]:
    """Give each process this share of one core. OSError where the machine does not let us."""
    with ExitStack() as stack:
        for pid in pids:
            group = (_V1 if _V1.is_dir() else _V2) / f"cascade-bench-{pid}"
            group.mkdir()
            stack.callback(_removed, group)
            quota = int(share * _PERIOD_US)
            if _V1.is_dir():
                (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
            (group / "cgroup.procs").write_text(str(pid))
        yield


def _removed(group: Path) -> None:
    with suppress(OSError):
        for pid in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(pid)
        group.rmdir()


@contextmanager
def system(workers: int, around: Around, folder: Path) -> Iterator[tuple[System, list[int]]]:
    """Run Envoy and so many workers; gives the system, and the process ids of the workers."""
    folder.mkdir()
    listen, envoy_admin, admin = free_ports(3)
    config = configuration(around.upstream, listen, envoy_admin, admin, around.collector).model_copy(update={"workers": workers})
    runtime = RuntimeDir(folder)
    runtime.metrics.mkdir()
    prepare(config, runtime)
    runtime.bootstrap.write_text(json.dumps(bootstrap(config, runtime)))
    with ExitStack() as stack:
        serve = [python("extproc", "serve", "--worker", str(index), "--runtime-dir", str(folder)) for index in range(workers)]
        running = [stack.enter_context(process(argv, folder / f"worker-{index}.log")) for index, argv in enumerate(serve)]
        carry = [str(envoy_binary()), "-c", str(runtime.bootstrap), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
        envoy = stack.enter_context(process(carry, folder / "envoy.log"))
        until(f"http://127.0.0.1:{admin}/readyz", folder)
        yield System(Kind.NATIVE, listen, envoy_admin, envoy.pid, running[0].pid), [one.pid for one in running]


@click.command()
@click.option("--share", default=0.2, show_default=True, type=click.FloatRange(0.05, 1), help="Of a core, for each worker.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Rounds, in which one and two workers take turns.")
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.5), help="Length of one measurement.")
def main(share: float, rounds: int, seconds: float) -> None:
    """Measure one worker and two, each with a fixed share of a core, and print the table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place, ExitStack() as stack:
        folder = Path(place)
        asked = folder / "body"
        asked.write_bytes(body(200, direct=False))
        beside = stack.enter_context(around(folder))
        systems = {count: stack.enter_context(system(count, beside, folder / f"{count}")) for count in (1, 2)}
        for _, pids in systems.values():
            try:
                stack.enter_context(share_of_a_core(pids, share))
            except OSError as error:
                raise SystemExit(f"bench: to give a process a share of a core takes Linux, root and cgroups ({error.strerror})") from None
        how = Load(16, seconds, 0.5)
        rates: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(rounds):
            for count, (one, _) in systems.items():
                rates[count].append(load(one, asked, how).rps)
        spent = [f"{cpu_s(pid):.1f}" for pid in systems[2][1]]
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    rows = [[str(count), f"{median(found):,.0f} ({max(found):,.0f})"] for count, found in rates.items()]
    click.echo(f"{machine()}; each worker has {share:.0%} of a core\n\n{table(['workers', 'req/s'], rows)}\n")
    click.echo(f"Two carry {median(ratios):.2f} times what one carries ({min(ratios):.2f} to {max(ratios):.2f}).")
    click.echo(f"Processor time of the two: {' s and '.join(spent)} s.")


if __name__ == "__main__":
    main()
