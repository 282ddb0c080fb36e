"""`extproc redirect-rules`: the nftables rules for interception."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import click

from extproc.cli.options import config_option
from extproc.config.model import Config
from extproc.envoyconf.redirect import Mode, RedirectError, rules


def _networks(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> Any:
    try:
        return [ip_network(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("redirect-rules")
@config_option
@click.option("--mode", type=click.Choice(["pod", "gateway"]), required=True, help="What is redirected: own connections, or passing ones.")
@click.option("--uid", type=click.IntRange(0), help="User that Envoy runs as; its connections leave (needed in mode pod).")
@click.option("--exempt", callback=_networks, multiple=True, metavar="CIDR", help="Network to be left alone; may be repeated.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, as an init container does.")
def command(config: Config, mode: Mode, uid: int | None, exempt: list[IPv4Network | IPv6Network], output: Path | None) -> None:
    """Print the nftables rules that lead connections to Envoy; `nft -f` loads them, `nft delete table inet cascade_intercept` ends it."""
    try:
        text = rules(config.intercept, mode, uid, exempt)
    except RedirectError as error:
        raise click.UsageError(str(error)) from None
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
