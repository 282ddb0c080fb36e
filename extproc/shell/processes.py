"""Child processes that are restarted when they die, with their output passed through line by line."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_STABLE_S = 10.0
"""A child that lived this long starts again at once, with a fresh backoff."""
_KILL_AFTER_S = 3.0
_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Program:
    """What to run."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)


class Child:
    """Keeps one program running until it is stopped."""

    def __init__(self, program: Program, tell: Callable[[str], None], log: Callable[[bytes], None]) -> None:
        """Prepare a child. `tell` hears of its life, `log` gets each line of its output with its name before it."""
        self.program = program
        self.starts = 0
        self._tell = tell
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Begin to run it in the background. Call from the main thread: a child ends with the thread that started it."""
        self._task = asyncio.create_task(self._keep(), name=self.program.name)

    async def _keep(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while not self._stopping:
            began = monotonic()
            code = await self._run_once()
            if self._stopping:
                return
            if monotonic() - began > _STABLE_S:
                backoff_s = _FIRST_BACKOFF_S
            self._tell(f"{self.program.name} ended with {_reason(code)}; starting it again in {backoff_s:.1f} s")
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)

    async def _run_once(self) -> int:
        self.starts += 1
        process = self._process = await asyncio.create_subprocess_exec(
            *self.program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self.program.environ),
            start_new_session=True,  # a Ctrl-C in the terminal is for us alone; we drain before we stop the others
            preexec_fn=_end_with_parent,
            limit=_LINE_BYTES,
        )
        if process.stdout is not None:
            await self._pass_through(process.stdout)
        return await process.wait()

    async def _pass_through(self, output: asyncio.StreamReader) -> None:
        prefix = f"[{self.program.name}] ".encode()
        while True:
            try:
                line = await output.readline()
            except ValueError:  # a line beyond all measure: its beginning is dropped
                continue
            if not line:
                return
            self._log(prefix + line.rstrip(b"\n") + b"\n")

    async def stop(self, patience_s: float = _KILL_AFTER_S) -> None:
        """End it with SIGTERM, or with SIGKILL when it does not listen."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), patience_s)
            except TimeoutError:
                self._tell(f"{self.program.name} does not end; killing it")
                process.kill()
                await process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when our parent is gone, however it went (prctl(2), Linux only). Runs between fork and exec."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def to_stdout(line: bytes) -> None:
    """Pass a line of output through to our own."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
