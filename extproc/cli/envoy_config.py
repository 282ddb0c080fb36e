"""`extproc envoy-config`: the Envoy bootstrap that `up` uses."""

from __future__ import annotations

import json
from pathlib import Path

import click

from extproc.cli.options import config_option
from extproc.config.model import Config
from extproc.config.runtime import DEFAULT, RuntimeDir


@click.command("envoy-config")
@config_option
@click.option("--runtime-dir", type=click.Path(path_type=Path), help="Folder of sockets and secrets. [default: the configuration's]")
@click.option("--workers", type=click.IntRange(1, 64), help="Sidecar processes. [default: the configuration's]")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
def command(config: Config, runtime_dir: Path | None, workers: int | None, as_json: bool) -> None:
    """Print the Envoy bootstrap for a configuration."""
    from extproc.envoyconf import bootstrap, to_yaml

    runtime = RuntimeDir(runtime_dir or (Path(config.runtime_dir) if config.runtime_dir else DEFAULT))
    if as_json:
        click.echo(json.dumps(bootstrap(config, runtime, workers), indent=2))
    else:
        click.echo(to_yaml(config, runtime, workers), nl=False)
