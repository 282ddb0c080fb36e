"""`extproc serve`: the sidecar alone, as a container beside an Envoy runs it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from extproc.app import plant
from extproc.app.loop import run
from extproc.app.reloading import Reloader
from extproc.app.serving import serve
from extproc.app.worker import Worker
from extproc.cli.frame import version
from extproc.cli.options import config_path_option, load_config, say, warn_of_admin
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.config.usable import check_usable
from extproc.shell.supervisor import StartError


@click.command("serve")
@config_path_option
@click.option("--runtime-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder for sockets and secrets, shared with Envoy.")
@click.option("--worker", type=int, hidden=True, help="One worker of a plant, on the configuration in the runtime folder.")
def command(config: Path, runtime_dir: Path | None, worker: int | None) -> None:
    """Run the sidecar alone (gRPC and admin HTTP), for an Envoy that runs elsewhere."""
    if worker is not None and runtime_dir is not None:
        _one_of_many(RuntimeDir(runtime_dir), worker)
        return
    _alone(load_config(config), runtime_dir)


def _one_of_many(runtime: RuntimeDir, worker: int) -> None:
    checked = Config.model_validate_json(runtime.config.read_bytes())
    run(serve(lambda: Worker(checked, runtime, worker, version())))


def _alone(config: Config, wanted: Path | None) -> None:
    check_usable(config, os.environ)
    warn_of_admin(config)
    try:
        with plant.runtime_dir(config, wanted, temporary=False) as runtime:
            plant.prepare(config, runtime)
            if config.workers == 1:
                chore = Reloader(config, runtime, os.environ, say).run()
                run(serve(lambda: Worker(config, runtime, 0, version()), beside=chore))
            else:
                run(plant.run(config, runtime, plant.Ears(say, lambda: say("ready")), with_envoy=False))
    except (plant.RuntimeDirError, StartError) as error:
        raise click.ClickException(str(error)) from error
