"""`extproc demo`: see it work, without any account at any provider."""

from __future__ import annotations

import click

from extproc.app.loop import run
from extproc.cli.options import say
from extproc.demo.run import UnexpectedRowsError, demo
from extproc.envoyconf.binary import NoEnvoyError
from extproc.shell.supervisor import StartError


@click.command("demo")
@click.option("--exit", "leave", is_flag=True, help="End after the table; exit code 1 when a row is not as expected.")
def command(leave: bool) -> None:
    """Send sample traffic through a real Envoy and this processor, on simulated providers; one table row per request."""
    say("starting two simulated providers, Envoy and the sidecar")
    try:
        run(demo(stay=not leave, show=click.echo, tell=say))
    except (UnexpectedRowsError, NoEnvoyError, StartError) as error:
        raise click.ClickException(str(error)) from error
    if leave:
        say("all rows as expected")
