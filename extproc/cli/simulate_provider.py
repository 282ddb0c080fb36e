"""`extproc simulate-provider`: one simulated provider."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable
from dataclasses import Field
from functools import partial
from pathlib import Path
from typing import Any

import click

from extproc.app.loop import run
from extproc.core.vocabulary import Dialect
from extproc.simulator.profile import SETTINGS, STEER_HEADER, Profile
from extproc.simulator.server import serve

_ALL = "all"


def _option(setting: Field[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The flag of a setting; its text is read by the profile's own reader, as the items of the steering header are."""
    flag = "--" + setting.name.replace("_", "-")
    says = setting.metadata["says"]
    if isinstance(setting.default, bool):
        return click.option(flag, setting.name, is_flag=True, help=says)

    def read(_: click.Context, __: click.Parameter, text: str | None) -> Any:
        try:
            return setting.default if text is None else setting.metadata["read"](text)
        except ValueError as error:
            raise click.BadParameter(f"{text!r}: {error}") from None

    default = setting.default if isinstance(setting.default, str) else f"{setting.default:g}" if setting.default not in {None, ()} else ""
    said = f" [default: {default}]" if default else ""
    metavar = {"refuse": "FEATURE,...", "text": "TEXT", "verdict": "VERDICT"}.get(setting.name, "N")
    return click.option(flag, setting.name, callback=read, metavar=metavar, help=says + said)


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    for setting in reversed(list(SETTINGS.values())):
        command = _option(setting)(command)
    return command


@click.command()
@click.option("--dialect", type=click.Choice([*map(str, Dialect), _ALL]), default=_ALL, show_default=True, help="The wire API to speak.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--name", default="simulator", show_default=True, help="Name in the server header and in log lines.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="A model that GET /v1/models lists; may be repeated.")
@click.option("--api-key-env", metavar="NAME", help="Ask for the API key that this environment variable holds.")
@click.option("--certificate", type=click.Path(path_type=Path), help="Serve HTTPS, with the certificate in this PEM file.")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key. [default: in the same file]")
@click.option("--steerable", is_flag=True, help="Let requests change the settings below by a header.")
@click.option("--steer-header", default=STEER_HEADER, show_default=True, metavar="NAME", help="Name of that header.")
@_settings
def command(
    dialect: str,
    host: str,
    port: int,
    name: str,
    models: tuple[str, ...],
    api_key_env: str | None,
    certificate: Path | None,
    key: Path | None,
    steerable: bool,
    steer_header: str,
    **settings: Any,
) -> None:
    """Run one simulated provider: a model's API without a model, for trying things out.

    Prints `listening on URL` once it is ready, and a line for each request on stderr. Ctrl-C ends it.
    """
    profile = Profile(
        name=name,
        dialects=tuple(Dialect) if dialect == _ALL else (Dialect(dialect),),
        models=models or Profile().models,
        api_key=None if api_key_env is None else _key(api_key_env),
        steerable=steerable,
        steer_header=steer_header,
        **settings,
    )
    tls = None if certificate is None else _tls(certificate, key)
    try:
        run(serve(profile, host, port, ready=_ready, tell=partial(click.echo, err=True), tls=tls))
    except OSError as error:
        reason = "the address is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise click.ClickException(f"{host}:{port}: {reason}") from error


def _ready(url: str) -> None:
    click.echo(f"listening on {url}")


def _tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one, too
        raise click.BadParameter(f"{certificate}: {error.strerror or error}", param_hint="--certificate") from None
    return context


def _key(variable: str) -> str:
    key = os.environ.get(variable, "")
    if not key:
        raise click.BadParameter(f"the environment variable {variable} is not set", param_hint="--api-key-env")
    return key
