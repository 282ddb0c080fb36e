"""What translation costs in our own Python: `python -m bench.translation`.

µs per 100 KB request and per streamed event, for each pair of dialects, beside the same dialect on the checked path. Best times of many,
so a busy machine shows little.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import click

from bench.report import table
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.contract import Changes
from extproc.core.events import Headers
from extproc.core.paths.intake import Intake, intake_for
from extproc.core.paths.translated import TranslatedStream
from extproc.core.policy import Policy, Tongue
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import classify
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import PATH_OF, Dialect, Role, Usage
from extproc.core.wire.edit import parsed
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

_EVENTS = 2_000
_STREAM = Headers([("content-type", b"text/event-stream")])
_TOOL = {"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["path"]}
_WORDS = "The worker reads its configuration once, at start, and hands what it has read to every exchange that follows. " * 8


def request(dialect: Dialect, size: int, *, stream: bool = True) -> bytes:
    """Give an agent's request of about this many bytes: ten tools, and turns of a call and its result."""
    head = {"model": "some-model", "stream": stream}
    turns: list[dict[str, Any]] = []
    for number in itertools.count():
        turns += _turn(dialect, f"call_{number}")
        body = {**head, **_around(dialect, turns)}
        if len(made := json.dumps(body).encode()) >= size:
            return made
    raise AssertionError


def _turn(dialect: Dialect, name: str) -> list[dict[str, Any]]:
    arguments = {"path": f"src/{name}.py", "limit": 100}
    told = json.dumps(arguments)
    if dialect is Dialect.ANTHROPIC:
        call = {"type": "tool_use", "id": name, "name": "tool_1", "input": arguments}
        result = {"type": "tool_result", "tool_use_id": name, "content": _WORDS}
        return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    if dialect is Dialect.OPENAI_CHAT:
        call = {"id": name, "type": "function", "function": {"name": "tool_1", "arguments": told}}
        return [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": name, "content": _WORDS}]
    return [
        {"type": "function_call", "call_id": name, "name": "tool_1", "arguments": told},
        {"type": "function_call_output", "call_id": name, "output": _WORDS},
    ]


def _around(dialect: Dialect, turns: list[dict[str, Any]]) -> dict[str, Any]:
    asked = {"role": "user", "content": "Read the files, then say what is wrong."}
    named = [{"name": f"tool_{number}", "description": "Read a part of a file. " * 20} for number in range(10)]
    if dialect is Dialect.ANTHROPIC:
        return {"max_tokens": 4096, "tools": [{**one, "input_schema": _TOOL} for one in named], "messages": [asked, *turns]}
    if dialect is Dialect.OPENAI_CHAT:
        functions = [{"type": "function", "function": {**one, "parameters": _TOOL}} for one in named]
        return {"tools": functions, "messages": [asked, *turns]}
    return {"tools": [{"type": "function", **one, "parameters": _TOOL} for one in named], "input": [asked, *turns]}


def policy_for(client: Dialect, model: Dialect) -> Policy:
    """Give the policy of a draft model that speaks one dialect."""
    return Policy(draft_models={model: "small"}, verify_models={client: None}, tongues={Role.DRAFT: Tongue(model, "small")})


def asked(client: Dialect, model: Dialect, body: bytes) -> bytes:
    """All that is done to a request until the draft model can be asked: the checked path, or the same through a translation."""
    policy, spec = policy_for(client, model), DIALECTS[client]
    accepted = accept(PATH_OF[client], "", body)
    classify(accepted, policy)
    spec.demands(parsed(body)[1])
    speaker = Interpreter(accepted, policy)
    if speaker.obstacle(Role.DRAFT):
        raise AssertionError(speaker.obstacle(Role.DRAFT))
    if speaker.translates(Role.DRAFT):
        return speaker.body(Role.DRAFT)
    return spec.changed(body, Changes(model="small", tell_usage=True))


def stream(model: Dialect) -> list[bytes]:
    """Give the events of a long answer of a model's."""
    speaker = SPEAKERS[model]
    ask = speaker.read(request(model, 5_000))
    return [frame.data for frame in speaker.events(ask, compose(ask, Profile(words=_EVENTS), 0))]


def taken(client: Dialect, model: Dialect, body: bytes, events: list[bytes]) -> None:
    """Take a streamed answer in, event by event, as a held exchange does."""
    spec = DIALECTS[client]
    intake: Intake = intake_for(DIALECTS[model], _STREAM, stream=True, usage=True)
    if client is not model:
        speaker = Interpreter(accept(PATH_OF[client], "", body), policy_for(client, model))
        intake = TranslatedStream(intake, speaker.crossing(), spec, "0" * 32, 0, lambda _: Usage(), usage=True)
    for event in events:
        for _ in intake.feed(event):
            pass
    for _ in intake.finish():
        pass


def best(step: Callable[[], object], runs: int) -> float:
    """Give the best time of one run, in µs."""
    times = []
    for _ in range(runs):
        began = perf_counter()
        step()
        times.append(perf_counter() - began)
    return min(times) * 1e6


def measure(runs: int) -> list[tuple[str, ...]]:
    """Give one row per pair: µs of a request and of an event, and how many times those of the model's own dialect on the checked path."""
    costs: dict[tuple[Dialect, Dialect], tuple[float, float]] = {}
    for client, model in itertools.product(Dialect, Dialect):
        body, events, small = request(client, 100_000), stream(model), request(client, 2_000)
        per_request = best(lambda c=client, m=model, b=body: asked(c, m, b), runs * 4)  # type: ignore[misc]
        per_stream = best(lambda c=client, m=model, b=small, e=events: taken(c, m, b, e), runs)  # type: ignore[misc]
        costs[client, model] = per_request, per_stream / len(events)
    rows = []
    for (client, model), (per_request, per_event) in costs.items():
        alike, same = costs[client, client][0], costs[model, model][1]
        ratios = f"{per_request / alike:.2f}", f"{per_event / same:.2f}"
        rows.append((str(client), str(model), f"{per_request:.0f}", ratios[0], f"{per_event:.2f}", ratios[1]))
    return rows


@click.command()
@click.option("--runs", default=15, show_default=True, type=click.IntRange(1), help="Runs of each measurement.")
def main(runs: int) -> None:
    """Print the table."""
    head = ("client", "model", "µs per 100 KB request", "× same dialect", "µs per event", "× same dialect")
    click.echo(table(head, measure(runs)))


if __name__ == "__main__":
    main()
