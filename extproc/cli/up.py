"""`extproc up`: Envoy and the sidecar together, in the foreground."""

from __future__ import annotations

import os

import click

from extproc.app import plant
from extproc.app.loop import run
from extproc.cli.options import config_option, say, warn_of_admin
from extproc.config.model import Config
from extproc.config.usable import check_usable
from extproc.shell.supervisor import StartError


@click.command("up")
@config_option
def command(config: Config) -> None:
    """Run Envoy and the sidecar in the foreground; Ctrl-C or SIGTERM drains."""
    from extproc.envoyconf.binary import NoEnvoyError

    check_usable(config, os.environ)
    warn_of_admin(config)
    try:
        plant.check_addresses(config)
        with plant.runtime_dir(config, None, temporary=True) as runtime:
            plant.prepare(config, runtime)
            run(plant.run(config, runtime, plant.Ears(say, lambda: _ready(config)), with_envoy=True))
    except (plant.RuntimeDirError, plant.AddressError, NoEnvoyError, StartError) as error:
        raise click.ClickException(str(error)) from error


def _ready(config: Config) -> None:
    draft, verify = config.models.draft, config.models.verify
    asked = "the model asked for" if verify.model == "keep" else verify.model
    say(f"ready on http://{config.listen} ({config.mode}): draft {draft.model}, verify {asked}")
    say(f"admin on http://{config.admin}: /dashboard /readyz /metrics /api/decisions /api/config")
