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
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, as an init container does.")
def command(config: Config, runtime_dir: Path | None, workers: int | None, as_json: bool, output: Path | None) -> None:
    """Print the Envoy bootstrap for a configuration."""
    from extproc.envoyconf import bootstrap, to_yaml

    runtime = RuntimeDir(runtime_dir or (Path(config.runtime_dir) if config.runtime_dir else DEFAULT))
    text = json.dumps(bootstrap(config, runtime, workers), indent=2) + "\n" if as_json else to_yaml(config, runtime, workers)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
