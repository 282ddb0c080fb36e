"""`extproc check`: whether a configuration can be used, and what it says."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from extproc.cli.options import config_path_option, load_config
from extproc.config.advice import advice
from extproc.config.compiled import describe
from extproc.config.endpoints import Endpoint, endpoints
from extproc.config.load import ConfigError, Problem
from extproc.config.model import Config
from extproc.config.secrets import config_hash
from extproc.config.usable import check_usable


@click.command()
@config_path_option
@click.option("--no-secrets", is_flag=True, help="Do not look for the providers' keys, for example on a build machine.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for problems too.")
@click.option("--live", is_flag=True, help="Ask the running pair whether requests really pass through the sidecar; exit code 1 if not.")
def command(config: Path, no_secrets: bool, as_json: bool, live: bool) -> int:
    """Check a configuration file: keys, values, rules, and that the providers' keys can be read.

    Exit code 0, or 2 with a line for each problem: file, line, key, and what was expected. Warnings do not change the exit code.

    With --live, look at what runs on it: no model is asked, and nothing is recorded.
    """
    try:
        loaded = load_config(config)
        check_usable(loaded, os.environ, with_secrets=not no_secrets)
    except ConfigError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "problems": [asdict(problem) for problem in error.problems]}, indent=2))
        raise
    if live:
        from extproc.cli.live import look, show  # an HTTP client, which a file needs none of

        return show(look(loaded), as_json=as_json)
    warnings = advice(loaded)
    if as_json:
        click.echo(json.dumps(_summary(loaded, warnings), indent=2))
        return 0
    click.echo("\n".join(_lines(loaded)))
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    return 0


def _summary(config: Config, warnings: Sequence[Problem]) -> dict[str, Any]:
    return {
        "ok": True,
        "file": config.source.file,
        "hash": config_hash(config),
        "mode": config.mode,
        "listen": config.listen,
        "endpoints": [
            {
                "role": endpoint.role,
                "dialect": endpoint.dialect,
                "model": endpoint.model,
                "url": _url(endpoint),
                "credential": _credential(endpoint),
            }
            for endpoint in endpoints(config)
        ],
        "policies": [{"name": section.name, "line": describe(section, config)} for section in config.policies],
        "skip_below": config.router.skip_below,
        "direct_above": config.router.direct_above,
        "warnings": [asdict(warning) for warning in warnings],
    }


def _lines(config: Config) -> list[str]:
    router = config.router
    rows = [
        ("listen", f"{config.listen}, admin {config.admin}, envoy admin {config.envoy_admin}"),
        *([("taken", f"{', '.join(config.intercept.hosts)}, redirected to {config.intercept.listen}")] if config.intercept.hosts else []),
        ("mode", f"{config.mode}, {config.workers} worker{'s' if config.workers > 1 else ''}, transport {config.transport}"),
        ("plans", f"score < {router.skip_below:g}: draft, ≥ {router.direct_above:g}: direct, between: cascade"),
        *((endpoint.role, _describe(endpoint)) for endpoint in endpoints(config)),
        *(("policy", describe(section, config)) for section in config.policies),
        ("other", f"requests that are no LLM call → {(config.origin or config.models.verify).base_url}"),
    ]
    return [f"{config.source.file}: valid (hash {config_hash(config)})", *(f"  {name:<7} {text}" for name, text in rows)]


def _describe(endpoint: Endpoint) -> str:
    return f"{endpoint.model or 'the model asked for'} ({endpoint.dialect}) → {_url(endpoint)}, {_credential(endpoint)}"


def _url(endpoint: Endpoint) -> str:
    scheme = "https" if endpoint.upstream.tls else "http"
    return f"{scheme}://{endpoint.upstream.authority}{endpoint.path}"


def _credential(endpoint: Endpoint) -> str:
    secret = endpoint.secret
    if secret is not None:
        return f"key from {f'${secret.env}' if secret.env is not None else secret.file} as {secret.header}"
    return "the client's own key" if endpoint.forward else "no key"
