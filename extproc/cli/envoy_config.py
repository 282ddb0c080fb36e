"""`extproc envoy-config`: the Envoy bootstrap that `up` uses."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import click

from extproc.cli.options import config_option
from extproc.config.model import Config
from extproc.config.processor import sds
from extproc.config.runtime import DEFAULT, RuntimeDir
from extproc.config.secrets import write_private, write_secrets
from extproc.config.usable import check_usable

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}")


def _address(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _ADDRESS.fullmatch(value):
        raise click.BadParameter("expected HOST:PORT")
    return value


@click.command("envoy-config")
@config_option
@click.option("--runtime-dir", type=click.Path(path_type=Path), help="Folder of sockets and secrets. [default: the configuration's]")
@click.option("--workers", type=click.IntRange(1, 64), help="Sidecar processes. [default: the configuration's]")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, as an init container does.")
@click.option(
    "--processor",
    callback=_address,
    metavar="HOST:PORT",
    help="For an Envoy whose sidecar is elsewhere (processor.tls); with --output, the keys are written to the runtime folder, too.",
)
def command(
    config: Config, runtime_dir: Path | None, workers: int | None, as_json: bool, output: Path | None, processor: str | None
) -> None:
    """Print the Envoy bootstrap for a configuration."""
    from extproc.envoyconf import bootstrap, to_yaml

    runtime = RuntimeDir(runtime_dir or (Path(config.runtime_dir) if config.runtime_dir else DEFAULT))
    if processor is not None and config.processor.tls is None:
        raise click.UsageError("--processor needs processor.tls in the configuration")
    made = bootstrap(config, runtime, workers, processor=processor) if as_json else None
    text = json.dumps(made, indent=2) + "\n" if made else to_yaml(config, runtime, workers, processor=processor)
    if output is None:
        click.echo(text, nl=False)
        return
    if processor is not None:
        _write_keys(config, runtime)
    output.write_text(text, encoding="utf-8")


def _write_keys(config: Config, runtime: RuntimeDir) -> None:
    """Beside this Envoy no sidecar will write what it needs."""
    check_usable(config, os.environ)
    runtime.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secrets(config, runtime, os.environ)
    for name, answer in (sds(config.processor.tls) if config.processor.tls else {}).items():
        write_private(runtime.secret(name), answer)
