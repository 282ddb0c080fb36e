"""The life of one worker process: start, wait for the signal to end, drain."""

from __future__ import annotations

import asyncio
import signal
import sys

from extproc.app.worker import Worker


async def serve(worker: Worker, *, attached: bool) -> None:
    """Run a worker until SIGTERM or SIGINT, or, when `attached`, until the process that started it is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if attached:
        await loop.connect_read_pipe(lambda: _UntilClosed(stop), sys.stdin)
    await worker.start()
    try:
        await stop.wait()
    finally:
        await worker.stop()


class _UntilClosed(asyncio.Protocol):
    """Watches a pipe that nobody writes to."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The other end is gone."""
        self._stop.set()
