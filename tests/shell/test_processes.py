"""Children are restarted, told to stop, killed when they do not listen, and never outlive us."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.shell.processes import Child, Program, to_stdout

ENVIRON = {"PATH": os.environ["PATH"]}


def program(script: str) -> Program:
    return Program("child", [sys.executable, "-c", script], ENVIRON)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("waited in vain")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_that_dies_is_started_again(tmp_path: Path):
    told: list[str] = []
    log = tmp_path / "starts"

    async def run() -> None:
        child = Child(program(f"open({str(log)!r}, 'a').write('x'); raise SystemExit(3)"), told.append, to_stdout)
        child.start()
        await until(lambda: child.starts >= 3)
        await child.stop()

    asyncio.run(run())
    assert log.read_text().startswith("xx")
    assert told[0] == "child ended with code 3; starting it again in 0.1 s"
    assert told[1].endswith("in 0.2 s")


def test_a_killed_child_is_named_by_its_signal():
    told: list[str] = []

    async def run() -> None:
        child = Child(program("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), told.append, to_stdout)
        child.start()
        await until(lambda: bool(told))
        await child.stop()

    asyncio.run(run())
    assert "signal SIGKILL" in told[0]


def test_output_comes_through_line_by_line_with_a_prefix(capfdbinary: pytest.CaptureFixture[bytes]):
    async def run() -> None:
        child = Child(program("import sys; print('one', flush=True); print('two', file=sys.stderr)"), [].append, to_stdout)
        child.start()
        await until(lambda: child.starts > 1)  # its output was read to the end before it starts again
        await child.stop()

    asyncio.run(run())
    assert capfdbinary.readouterr().out.startswith(b"[child] one\n[child] two\n")


def test_a_stopped_child_is_gone_and_not_started_again():
    async def run() -> tuple[int, int]:
        child = Child(program("import time; time.sleep(60)"), print, to_stdout)
        child.start()
        await until(lambda: child.pid is not None)
        pid = child.pid or 0
        await child.stop()
        return pid, child.starts

    pid, starts = asyncio.run(run())
    assert gone(pid)
    assert starts == 1


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path):
    told: list[str] = []
    ready = tmp_path / "ready"

    async def run() -> int:
        script = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(ready)!r}, 'w').close(); time.sleep(60)"
        child = Child(program(script), told.append, to_stdout)
        child.start()
        await until(ready.exists)
        pid = child.pid or 0
        await child.stop(patience_s=0.2)
        return pid

    assert gone(asyncio.run(run()))
    assert told == ["child does not end; killing it"]


def test_a_child_ends_when_we_are_gone(tmp_path: Path):
    """The parent is killed without any chance to clean up."""
    report = tmp_path / "pid"
    child = f"import os, sys; open({str(report)!r}, 'w').write(str(os.getpid())); import time; time.sleep(60)"
    parent = f"""
import asyncio, os, signal
from extproc.shell.processes import Child, Program
async def run():
    Child(Program("child", [{sys.executable!r}, "-c", {child!r}], dict(os.environ)), print, print).start()
    while not (os.path.exists({str(report)!r}) and open({str(report)!r}).read()):
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(run())
"""

    async def run() -> int:
        environ = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, env=environ)
        await process.wait()
        pid = int(report.read_text())
        await until(lambda: gone(pid))
        return process.returncode or 0

    assert asyncio.run(run()) == -9
