"""`extproc report`: what the cascade did, cost and saved, from the decision log."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import time

import click

from extproc.cli.options import load_config
from extproc.report.figures import ENCODER, Report
from extproc.report.page import as_html
from extproc.report.tables import as_csv
from extproc.report.text import as_text
from extproc.shell.decisions import Reader
from extproc.shell.decisions.queries import KEYS

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_STEPS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000)
_BARS = 60


class Since(click.ParamType[float]):
    """A length of time, or the moment that it reaches back to; gives seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read `90s`, `15m`, `24h`, `7d`, `2w`, or an ISO date or time (UTC unless it says otherwise)."""
        text = str(value).strip()
        if found := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]+)?) ?(s|m|min|h|d|w)", text):
            seconds = float(found[1]) * _UNITS[found[2]]
        else:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                self.fail(
                    f"{text!r}: expected a time such as 90s, 15m, 24h, 7d, or a date such as 2026-11-01 or 2026-11-01T10:00", param, ctx
                )
            seconds = time() - (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if seconds <= 0:
            self.fail(f"{text!r}: expected a time that is past", param, ctx)
        return seconds


@click.command()
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), envvar="CASCADE_CONFIG", help="Configuration file; its decisions.path is read."
)
@click.option("--decisions", type=click.Path(path_type=Path), help="Decision file to read, whatever the configuration says.")
@click.option("--since", type=Since(), help="How far back: 90s, 15m, 24h, 7d, or a date.  [default: all that is kept]")
@click.option("--by", type=click.Choice(list(KEYS)), default="outcome", show_default=True, help="What requests are told apart by.")
@click.option("--format", "form", type=click.Choice(["text", "json", "csv", "html"]), default="text", show_default=True, help="Form.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write to.  [default: standard output]")
def command(config: Path | None, decisions: Path | None, since: float | None, by: str, form: str, output: Path | None) -> None:
    """Say what the cascade did, what it cost, and what it saved.

    Reads the decision log (decisions.path in the configuration), while the sidecar runs or afterwards. Cost is that of every model call,
    rejected drafts and failures included; "verify alone" is what the verify model would have cost for the same requests; shares are of
    all requests for a model, DIRECT ones included. Amounts are exact; text and HTML round those in tables.

    \b
    extproc report --since 24h                            the last day, by outcome
    extproc report --since 7d --by model --format csv     for a spreadsheet
    extproc report --since 2026-11-01 --format html -o november.html
    """  # noqa: D301 - click wants the character itself, which keeps the lines below it apart
    path = decisions or _configured(config)
    try:
        report = made(path, since, by)
    except sqlite3.Error as error:
        reason = "no such file" if not path.exists() else str(error)
        raise click.ClickException(f"{path}: no decision log: {reason}") from error
    text = _FORMS[form](report)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _as_json(report: Report) -> str:
    return ENCODER.encode(report).decode() + "\n"


_FORMS: dict[str, Callable[[Report], str]] = {"text": as_text, "json": _as_json, "csv": as_csv, "html": as_html}


def _configured(config: Path | None) -> Path:
    """Say where the configuration has the log; the runtime folder of a running sidecar is nobody's to guess."""
    path = load_config(config or Path("cascade.yaml")).decisions.path
    if not path:
        raise click.UsageError(
            "the configuration names no decisions.path; name a file with --decisions (a running sidecar's lies in its runtime folder)"
        )
    return Path(path)


def made(path: Path, since_s: float | None, by: str) -> Report:
    """Make the report of a decision file. sqlite3.Error where there is none."""
    reader = Reader(path, strict=True)
    summary = reader.summary(since_s)
    now = time()
    reach = since_s if since_s is not None else now - summary.first_at + 1 if summary.first_at is not None else 1.0
    covered = (summary.last_at or 0.0) - (summary.first_at or 0.0)
    bucket_s = float(next((step for step in _STEPS if covered / step < _BARS), _STEPS[-1]))
    return Report(
        source=str(path),
        made_at=now,
        summary=summary,
        by=by,
        groups=reader.groups(by, since_s),
        bucket_s=bucket_s,
        series=reader.series(reach, bucket_s),
    )
