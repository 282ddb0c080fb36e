"""`extproc explain`: what would be done with a request, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

import click

from extproc.cli.circumstances import FINGERPRINT, HEADER, Circumstances, Moment, policy_lines, settled
from extproc.cli.options import load_config
from extproc.config.compiled import rules
from extproc.config.model import Config
from extproc.config.policy import policy
from extproc.config.usable import KNOWN_RULES
from extproc.core.errors import UnreadableError
from extproc.core.events import Headers
from extproc.core.policy import Policy
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.plan import OFF, plan
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import PATHS, Decision, Dialect, Mode, Plan, Role
from extproc.core.wire.splice import readable, top_level

_REASONS = {rule.name: rule.reason for rule in RULES}
_OVERRULED = {
    "tools_direct": "router.tools is direct: every request with tools goes to the verify model",
    "several_answers": "several answers, or other kinds of answers, were asked for, which cannot be checked",
    "cannot_be_judged": "a form or a call is forced, or the answer has begun, so the verify model could not say that it accepts a draft",
    "draft_lacks_dialect": "the draft model does not speak the client's dialect",
    "dialect_not_served": "no model of the configuration speaks the client's dialect",
    "draft_cannot_": "the draft model cannot be told of this part of the request, or cannot take it",
    "verify_cannot_": "the verify model cannot be told of this part of the request, or cannot take it",
    "pinned_plan": "the policy says this plan",
    "client_plan": "the client asks for this plan, and the policy lets it",
    OFF: "mode is off: the request is left alone",
    "shadow_mode": "shadow mode only reports what it would have done",
}


@click.command("explain")
@click.argument("requests", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="REQUEST.json|FOLDER...")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Configuration file. [default: default rules, all dialects served]")
@click.option("--path", type=click.Choice(list(PATHS)), help="Request path. [default: guessed from the body]")
@click.option("-H", "--header", "headers", multiple=True, type=HEADER, metavar="NAME:VALUE", help="A header of the request, for policies.")
@click.option(
    "--key", type=FINGERPRINT, default="", metavar="FINGERPRINT", help="Of the client's API key, as `extproc fingerprint` prints it."
)
@click.option("--at", type=Moment(), metavar="TIME", help="When the request comes, ISO 8601, UTC unless it says otherwise. [default: now]")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def command(
    requests: tuple[Path, ...],
    config: Path | None,
    path: str | None,
    headers: tuple[tuple[str, bytes], ...],
    key: str,
    at: float | None,
    as_json: bool,
) -> int:
    """Say for recorded request bodies which plan they get, and every rule that led to it.

    Where the configuration has policies, say which of them applies, and why the ones before it do not.
    """
    chosen = _configured(load_config(config), headers, key, time() if at is None else at) if config else Circumstances(_every_dialect())
    missing, found = 0, []
    for given in requests:
        files = sorted(given.glob("*.json")) if given.is_dir() else [given]
        for file in files:
            try:
                found.append(explain(file.name, file.read_bytes(), chosen, path))
            except OSError as error:
                click.echo(f"error: {file}: {error.strerror}", err=True)
                missing += 1
        if given.is_dir() and not files:
            click.echo(f"error: {given}: no .json files in this folder", err=True)
            missing += 1
    _show(found, as_json=as_json, table=any(given.is_dir() for given in requests))
    return int(missing > 0)


def _configured(config: Config, headers: Sequence[tuple[str, bytes]], key: str, at: float) -> Circumstances:
    default = policy(config, KNOWN_RULES)
    return Circumstances(default, rules(config, default), Headers(list(headers)), key, at, config.identity.key_salt.encode())


def _every_dialect() -> Policy:
    return Policy(draft_models=dict.fromkeys(Dialect, "draft-model"), verify_models=dict.fromkeys(Dialect))


def explain(name: str, body: bytes, circumstances: Circumstances, path: str | None = None) -> dict[str, Any]:
    """Judge one request body; `path` None guesses it. Gives plain data: what is said of it."""
    guessed, because = (path, "as given") if path else guess(body)
    told: dict[str, Any] = {"file": name, "path": guessed, "path_because": because, "dialect": str(PATHS[guessed])}
    try:
        request = accept(guessed, "", body)
    except UnreadableError as error:
        return {**told, "turn": None, "score": None, "plan": "bypass", "wanted": None, "rules": [{"name": error.rule, "weight": 0.0}]}
    chosen, of_policies = settled(request, guessed, circumstances)
    label = classify(request, chosen)
    speaker = Interpreter(request, chosen)
    off = Decision(Plan.BYPASS, None, request.model, (OFF,), label.score, label.turn)
    decision = off if chosen.mode is Mode.OFF else plan(request, label, chosen, speaker)
    judged = {fired.name: round(fired.weight, 3) for fired in label.rules}
    return {
        **told,
        "model": request.model,
        "stream": request.stream,
        "turn": str(label.turn),
        "score": round(label.score, 3),
        **of_policies,
        "plan": str(decision.plan),
        "wanted": str(decision.wanted) if decision.wanted else None,
        "checked": decision.checked and decision.role is Role.DRAFT,
        "rules": [{"name": rule, "weight": judged.get(rule, 0.0), "reason": _reason(rule)} for rule in decision.rules],
        "translated": [_translated(speaker, role) for role in Role if speaker.translates(role)],
    }


def _translated(speaker: Interpreter, role: Role) -> dict[str, Any]:
    """Say in which dialect a model would be asked, and what of the request it would not be told as it is."""
    try:
        lost = [{"field": loss.field, "how": str(loss.how)} for loss in speaker.losses(role)]
    except UnreadableError as error:
        lost = [{"field": "", "how": f"unreadable ({error.rule})"}]
    return {"role": str(role), "dialect": str(speaker.into(role)), "lost": lost}


def explain_folder(folder: Path) -> str:
    """Give the table of a folder under the default rules, as it is printed."""
    chosen = Circumstances(_every_dialect())
    return _table([explain(file.name, file.read_bytes(), chosen) for file in sorted(folder.glob("*.json"))]) + "\n"


def _reason(rule: str) -> str:
    cannot = next((name for name in _OVERRULED if name.endswith("_") and rule.startswith(name)), rule)
    return _REASONS.get(rule) or _OVERRULED.get(cannot) or "a keyword rule of the configuration"


def guess(body: bytes) -> tuple[str, str]:
    """Guess the request path from a body's form, and say by what."""
    try:
        fields = top_level(readable(body))
    except UnreadableError:
        fields = {}
    if "input" in fields or "previous_response_id" in fields:
        return "/v1/responses", "it has `input`"
    for key in ("system", "thinking", "stop_sequences", "anthropic_version"):
        if key in fields:
            return "/v1/messages", f"it has `{key}`"
    for mark, path in (
        (b'"input_schema"', "/v1/messages"),
        (b'"tool_use_id"', "/v1/messages"),
        (b'"tool_call_id"', "/v1/chat/completions"),
    ):
        if mark in body:
            return path, f"it has {mark.decode()}"
    for key in ("max_completion_tokens", "response_format", "stream_options", "reasoning_effort", "functions"):
        if key in fields:
            return "/v1/chat/completions", f"it has `{key}`"
    if "max_tokens" in fields and b'"role": "system"' not in body and b'"role":"system"' not in body:
        return "/v1/messages", "it has `max_tokens`, which Messages demands"
    return "/v1/chat/completions", "nothing in it says otherwise"


def _show(found: Sequence[Mapping[str, Any]], *, as_json: bool, table: bool) -> None:
    if as_json:
        click.echo(json.dumps(found[0] if len(found) == 1 and not table else found, indent=2))
    elif table:
        click.echo(_table(found))
    else:
        click.echo("\n\n".join(_text(one) for one in found))


def _text(one: Mapping[str, Any]) -> str:
    lines = [f"{one['file']}", f"  dialect  {one['dialect']} ({one['path_because']})"]
    if one["turn"] is not None:
        lines.append(f"  model    {one['model']}{', streamed' if one['stream'] else ''}")
        lines.append(f"  turn     {one['turn']}")
        lines.append(f"  score    {one['score']:.2f}")
    lines += policy_lines(one)
    wanted = f" (the score asks for {one['wanted']})" if one["wanted"] else ""
    checked = " (the draft is checked)" if one.get("checked") else ""
    lines.append(f"  plan     {one['plan']}{wanted}{checked}")
    for rule in one["rules"]:
        weight = f"{rule['weight']:+.2f}" if rule["weight"] else "     "
        lines.append(f"    {weight}  {rule['name']}{': ' + rule['reason'] if 'reason' in rule else ''}")
    for other in one.get("translated", ()):
        lines.append(f"  {other['role']:<8} is asked in {other['dialect']}")
        lines += [f"    {loss['how']:<13} {loss['field']}" for loss in other["lost"]]
    return "\n".join(lines)


def _table(found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            one["file"],
            one["dialect"],
            one["turn"] or "–",
            "–" if one["score"] is None else f"{one['score']:.2f}",
            f"{one['plan']}{' (' + one['wanted'] + ')' if one['wanted'] else ''}",
            ", ".join(rule["name"] for rule in one["rules"]),
        )
        for one in found
    ]
    counts = Counter((one["dialect"], one["turn"] or "–", one["plan"]) for one in found)
    summary = [(dialect, turn, kind, str(count)) for (dialect, turn, kind), count in sorted(counts.items())]
    return (
        f"{columns(('file', 'dialect', 'turn', 'score', 'plan', 'rules'), rows)}\n\n"
        f"{columns(('dialect', 'turn', 'plan', 'requests'), summary)}"
    )


def columns(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Set rows in aligned columns below a head."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows))
