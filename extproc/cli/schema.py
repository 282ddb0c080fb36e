"""`extproc schema`: the JSON Schema of the configuration."""

from __future__ import annotations

import click

from extproc.config.schema import schema_text


@click.command()
def command() -> None:
    """Print the JSON Schema of the configuration (draft 2020-12), for editors and other tools."""
    click.echo(schema_text(), nl=False)
