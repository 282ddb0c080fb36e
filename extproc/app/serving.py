"""The life of one worker process: start, wait for the signal to end, drain."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from extproc.app.worker import Worker

_GC_THRESHOLDS = (20_000, 20, 20)
"""Exchanges free themselves by reference counting; collections only look for what libraries leave behind."""


async def serve(build: Callable[[], Worker], beside: Coroutine[Any, Any, None] | None = None) -> None:
    """Run a worker until SIGTERM or SIGINT, and `beside` along with it.

    The worker is built here because grpc.aio ties a server to the loop in which it is made.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    worker = build()
    loop.add_signal_handler(signal.SIGHUP, worker.look)
    chore = asyncio.create_task(beside) if beside is not None else None
    try:
        await worker.start()
        gc.collect()
        gc.freeze()  # what was made at start stays for good: later collections need not look at it again
        gc.set_threshold(*_GC_THRESHOLDS)
        await stop.wait()
    finally:
        await worker.stop()
        if chore is not None:
            chore.cancel()
            await asyncio.gather(chore, return_exceptions=True)
