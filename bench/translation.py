"""What translation costs in our own Python: `python -m bench.translation`, and the end of `make bench`.

For each pair of dialects, beside the same dialect on the checked path: µs of a request of 100 KB until the draft model is asked, and until
its draft is judged; and µs of a streamed event. Processor time, the best of many, so a busy machine shows little.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf
from time import thread_time
from typing import Any

import click

from bench.report import table
from extproc.core.commands import Call
from extproc.core.dialects import DIALECTS
from extproc.core.events import CallData, CallEnded, CallStarted, Headers, RequestBody, RequestHeaders
from extproc.core.paths.intake import Intake, intake_for
from extproc.core.paths.translated import TranslatedStream
from extproc.core.policy import Policy, Tongue
from extproc.core.session import Session, Surroundings
from extproc.core.steps.accept import accept
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import PATH_OF, Dialect, Plan, Role, Usage
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

_EVENTS = 300
_IN_A_ROW = 10
_MOST = 2
"""Times the same dialect on the checked path."""
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


@dataclass(frozen=True, slots=True)
class Cost:
    """What one pair of dialects costs, in µs."""

    client: Dialect
    model: Dialect
    """The draft model's; the verify model speaks the client's."""
    asked: float
    """From a request until the draft model can be asked."""
    judged: float
    """That, and from the end of the draft until the verify model can be asked."""
    event: float
    """Of one streamed event, from the model's bytes to the client's."""


def policy_for(client: Dialect, model: Dialect) -> Policy:
    """Give the policy of a draft model that speaks one dialect, whose drafts are judged."""
    tongues = {Role.DRAFT: Tongue(model, "small")}
    return Policy(pinned=Plan.CASCADE, draft_models={model: "small"}, verify_models={client: None}, tongues=tongues)


def ask(client: Dialect, model: Dialect, body: bytes, draft: bytes) -> tuple[float, float]:
    """Let a request be drafted and judged. Gives the seconds until the draft model is asked, and from the draft's end to the judge."""
    session = Session(Surroundings(policy_for(client, model), RefusalMemory(300)), "0" * 32)
    headers = Headers([(":path", PATH_OF[client].encode()), ("content-type", b"application/json"), ("x-api-key", b"k")])
    began = thread_time()
    session.handle(RequestHeaders(0.0, headers, end=False))
    commands = session.handle(RequestBody(0.0, body))
    asked = thread_time() - began
    session.handle(CallStarted(0.0, 200, _STREAM, Role.DRAFT))
    session.handle(CallData(0.0, draft, Role.DRAFT))
    began = thread_time()
    commands += session.handle(CallEnded(0.0, Role.DRAFT))
    judged = thread_time() - began
    if [call.role for call in commands if isinstance(call, Call)] != [Role.DRAFT, Role.VERIFY]:
        raise SystemExit(f"bench: {client} in front of {model}: the draft was not judged")
    return asked, judged


def stream(model: Dialect, words: int) -> list[bytes]:
    """Give the events of an answer of a model's."""
    speaker = SPEAKERS[model]
    ask = speaker.read(request(model, 5_000))
    return [frame.data for frame in speaker.events(ask, compose(ask, Profile(words=words), 0))]


def taken(client: Dialect, model: Dialect, body: bytes, events: list[bytes]) -> float:
    """Take a streamed answer in, event by event, as a held exchange does. Gives the seconds that it took."""
    spec = DIALECTS[client]
    intake: Intake = intake_for(DIALECTS[model], _STREAM, stream=True, usage=True)
    if client is not model:
        speaker = Interpreter(accept(PATH_OF[client], "", body), policy_for(client, model))
        intake = TranslatedStream(intake, speaker.crossing(), spec, "0" * 32, 0, lambda _: Usage(), usage=True)
    began = thread_time()
    for event in events:
        for _ in intake.feed(event):
            pass
    for _ in intake.finish():
        pass
    return thread_time() - began


def measure(runs: int) -> list[Cost]:
    """Measure every pair. They take turns, so that the machine's mood meets all of them."""
    bodies = {client: (request(client, 100_000), request(client, 2_000)) for client in Dialect}
    answers = {model: (b"".join(stream(model, 20)), stream(model, _EVENTS)) for model in Dialect}
    best = dict.fromkeys(itertools.product(Dialect, Dialect), (inf, inf, inf))
    for (client, model), _ in itertools.product([*best] * runs, range(_IN_A_ROW)):
        (large, small), (draft, events) = bodies[client], answers[model]
        times = (*ask(client, model, large, draft), taken(client, model, small, events) / len(events))
        asked, judged, event = map(min, best[client, model], times)
        best[client, model] = asked, judged, event
    return [Cost(*pair, asked * 1e6, (asked + judged) * 1e6, event * 1e6) for pair, (asked, judged, event) in best.items()]


def translation_markdown(costs: Sequence[Cost]) -> str:
    """Give the part of the report. A request is held against that of its client; an event against the dearer one of its two dialects."""
    alike = {one.client: one for one in costs if one.client is one.model}
    rows, worst = [], [0.0, 0.0, 0.0]
    for one in costs:
        own, theirs = alike[one.client], alike[one.model]
        ratios = [one.asked / own.asked, one.judged / own.judged, one.event / max(own.event, theirs.event)]
        worst = [max(both) for both in zip(worst, ratios, strict=True)]
        times = f"{one.asked:.0f}", f"{one.judged:.0f}", f"{one.event:.1f}"
        cells = [cell for time, ratio in zip(times, ratios, strict=True) for cell in (time, f"{ratio:.2f}")]
        rows.append([str(one.client), str(one.model), *cells])
    head = ["client", "draft model", "100 KB until drafted", "× own", "until judged", "× own", "one event", "× dearer"]
    names = "a request until the draft model is asked", "a request until its draft is judged", "a streamed event"
    held = [[name, f"{ratio:.2f}", f"≤ {_MOST}", "yes" if ratio <= _MOST else "no"] for name, ratio in zip(names, worst, strict=True)]
    return "\n\n".join(
        [
            "Translation, in our own Python alone: µs of a request and of a streamed event, and the ratio to the same dialect, checked:",
            table(head, rows),
            table(["the dearest pair, × the same dialect", "measured", "promise", "holds"], held),
        ]
    )


def translation_json(costs: Sequence[Cost]) -> list[dict[str, Any]]:
    """Give everything as JSON data."""
    return [asdict(one) for one in costs]


@click.command()
@click.option("--runs", default=15, show_default=True, type=click.IntRange(1), help="Runs of each measurement.")
def main(runs: int) -> None:
    """Print the tables."""
    click.echo(translation_markdown(measure(runs)))


if __name__ == "__main__":
    main()
