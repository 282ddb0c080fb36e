"""`python -m fuzz`: every target under atheris for a while, several at a time. Ends with 1 where something was found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from fuzz.seeds import write
from fuzz.targets import TARGETS

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parent
_CORPUS: Final = _HERE / "corpus"
_WORDS: Final = {"http2": "frames", "calls": "frames", "json": "json", "sse": "json", "requests": "json", "answers": "json"}
_HANG_S: Final = 10
_MEMORY_MB: Final = 1024
_LONGEST: Final = 4096
_ENOUGH: Final = 120
"""Inputs that are kept of a target."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one target."""

    name: str
    code: int
    log: str

    def row(self) -> str:
        """Give the line that tells of it."""
        found = {key: (re.findall(pattern, self.log) or ["?"])[-1] for key, pattern in _FIGURES.items()}
        figures = "  ".join(f"{key} {value:>8}" for key, value in found.items())
        return f"{self.name:10} {'ok   ' if self.code == 0 else 'FOUND'}  {figures}"


_FIGURES: Final = {
    "inputs": r"stat::number_of_executed_units: *(\d+)",
    "a second": r"stat::average_exec_per_sec: *(\d+)",
    "branches": r"cov: (\d+)",
    "new": r"stat::new_units_added: *(\d+)",
    "peak MB": r"stat::peak_rss_mb: *(\d+)",
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(TARGETS)))
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1), help="How long the whole may take, about.")
@click.option("--grow", is_flag=True, help="Afterwards keep in the corpus what reaches more, and nothing else.")
def main(names: tuple[str, ...], seconds: float, grow: bool) -> None:
    """Fuzz all targets, or those that are named."""
    if find_spec("atheris") is None:
        raise click.ClickException("atheris is not installed: pip install -e '.[fuzz]' (Linux and macOS, Python 3.11 to 3.13)")
    chosen, jobs = names or tuple(TARGETS), os.cpu_count() or 1
    each = max(1, int(seconds * min(jobs, len(chosen)) / len(chosen)))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, ThreadPoolExecutor(jobs) as pool:
        write(Path(folder) / "seeds")
        runs = list(pool.map(lambda name: _fuzz(name, each, Path(folder)), chosen))
        for run in runs:
            click.echo(run.row())
        for run in [one for one in runs if one.code != 0]:
            told = "\n".join(line for line in run.log.splitlines() if not line.startswith(("#", "INFO", "stat::", "0x", "\\")))
            click.echo(f"\n{run.name}:\n{told[-6000:]}\nAgain: python -m fuzz.replay {run.name} found-{run.name}-…", err=True)
        if grow:
            list(pool.map(lambda name: _keep(name, Path(folder)), chosen))
    sys.exit(any(run.code != 0 for run in runs))


def _fuzz(name: str, seconds: int, folder: Path) -> Run:
    found, corpus = folder / "found" / name, _CORPUS / name
    found.mkdir(parents=True)
    corpus.mkdir(parents=True, exist_ok=True)
    words = [f"-dict={_HERE / 'words' / _WORDS[name]}.dict"] if name in _WORDS else []
    limits = [f"-max_total_time={seconds}", f"-timeout={_HANG_S}", f"-rss_limit_mb={_MEMORY_MB}", f"-max_len={_LONGEST}"]
    told = ["-print_final_stats=1", f"-artifact_prefix={_ROOT}/found-{name}-", *words]
    return _atheris(name, [*limits, *told, str(found), str(corpus), str(folder / "seeds" / name)])


def _keep(name: str, folder: Path) -> None:
    """Make the corpus anew: of all that there is, the smallest inputs that reach everything."""
    corpus, fresh = _CORPUS / name, folder / "fresh" / name
    fresh.mkdir(parents=True)
    sources = [str(corpus), str(folder / "seeds" / name), str(folder / "found" / name)]
    merged = _atheris(name, ["-merge=1", f"-timeout={_HANG_S}", f"-max_len={_LONGEST}", str(fresh), *sources])
    if merged.code != 0:
        raise click.ClickException(f"{name}: merging fails:\n{merged.log[-2000:]}")
    if not any(fresh.iterdir()):
        raise click.ClickException(f"{name}: merging keeps nothing:\n{merged.log[-2000:]}")
    named = [file for file in corpus.iterdir() if file.name.startswith("bug-")]
    kept = sorted(fresh.iterdir(), key=lambda file: file.stat().st_size)[:_ENOUGH]
    for file in [one for one in corpus.iterdir() if one not in named]:
        file.unlink()
    for file in kept:
        shutil.copyfile(file, corpus / file.name[:12])


def _atheris(name: str, arguments: list[str]) -> Run:
    argv = [sys.executable, "-m", "fuzz.run", name, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", cwd=_ROOT, check=False)
    return Run(name, done.returncode, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
