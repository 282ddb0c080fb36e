"""`extproc fingerprint`: what stands for an API key in policies and counters."""

from __future__ import annotations

import getpass
import sys

import click

from extproc.cli.options import config_option
from extproc.config.model import Config
from extproc.core.steps.policies import fingerprint

_MOST = 8192


@click.command("fingerprint")
@config_option
def command(config: Config) -> None:
    """Print the fingerprint of an API key, which is read from standard input, for `match.key` of a policy.

    It depends on identity.key_salt of the configuration, and tells nothing about the key. A key has no place on a command line or in
    a shell's history, so there is no argument for it: `extproc fingerprint < key-file`, or type it in, unseen.
    """
    terminal = sys.stdin.isatty()
    key = getpass.getpass("API key: ") if terminal else sys.stdin.read(_MOST)
    key = key.strip()
    if not key or any(character.isspace() for character in key):
        raise click.UsageError("expected the key alone on standard input: one word")
    click.echo(fingerprint(key, config.identity.key_salt.encode()))
