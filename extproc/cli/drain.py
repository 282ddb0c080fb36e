"""`extproc drain`: the last to leave a pod whose Envoy serves others than the pod itself."""

from __future__ import annotations

import asyncio
import signal

import click
import httpx

from extproc.app.loop import run
from extproc.cli.options import config_option, say
from extproc.config.model import Config
from extproc.shell.draining import Drain


@click.command("drain")
@config_option
@click.option("--after-s", type=click.FloatRange(0, 3600), default=0.0, help="Wait so long first, until no new clients are sent here.")
def command(config: Config, after_s: float) -> None:
    """Wait for SIGTERM, then let the requests at Envoy end.

    As a pod's main container beside the native sidecars Envoy and `extproc serve` it makes their end orderly: Kubernetes stops sidecars
    only when the main container has ended, and Envoy on its own would cut what it is at.
    """
    run(_drain(config, after_s))


async def _drain(config: Config, after_s: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    say("waiting for SIGTERM")
    await stop.wait()
    say(f"draining for {config.drain_s:.0f} s at most")
    await asyncio.sleep(after_s)
    async with httpx.AsyncClient(timeout=2.0) as client:
        await Drain(client, config.envoy_admin, config.drain_s, say).run()
