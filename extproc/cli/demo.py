"""`extproc demo`: see it work, without any account at any provider."""

from __future__ import annotations

import os

import click

from extproc.app.loop import run
from extproc.cli.options import say
from extproc.demo.jaeger import USUAL_URL, NoJaegerError, find
from extproc.demo.run import UnexpectedRowsError, demo
from extproc.envoyconf.binary import NoEnvoyError
from extproc.shell.supervisor import StartError


@click.command("demo")
@click.option("--exit", "leave", is_flag=True, help="End after the table; exit code 1 when a row is not as expected.")
@click.option(
    "--jaeger",
    "jaeger_url",
    metavar="[URL]",
    is_flag=False,
    flag_value=os.environ.get("JAEGER_URL", USUAL_URL),
    help=f"Send the traces to a Jaeger and print a link for each row. URL is that of its page. [{USUAL_URL}, or $JAEGER_URL]",
)
def command(leave: bool, jaeger_url: str | None) -> None:
    """Send sample traffic through a real Envoy and this processor, on simulated providers; one table row per request."""
    try:
        jaeger = find(jaeger_url) if jaeger_url is not None else None
        say("starting two simulated providers, Envoy and the sidecar")
        run(demo(stay=not leave, show=click.echo, tell=say, jaeger=jaeger))
    except (UnexpectedRowsError, NoEnvoyError, NoJaegerError, StartError) as error:
        raise click.ClickException(str(error)) from error
    if leave:
        say("all rows as expected")
