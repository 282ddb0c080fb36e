"""`python -m bench.steps`: what one request costs in our own Python, step by step, without any transport, in µs.

Warm is the best of many runs one after the other. Cold is the median of runs between which other memory is walked through, as Envoy,
the kernel and other requests do between two of ours: what a step touches then counts as much as what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from statistics import median
from time import perf_counter
from types import MappingProxyType

import click

from bench.bodies import agent, body, shapes
from bench.report import table
from bench.systems import configuration
from extproc.config.policy import policy
from extproc.core import commands as do
from extproc.core.events import Headers, RequestBody, RequestHeaders
from extproc.core.session import Session, Surroundings
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.plan import plan
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest
from extproc.shell.exchange import Exchange
from extproc.shell.telemetry import Meters
from extproc.shell.translate import Translator

Step = Callable[[], object]

_POLICY = policy(configuration(1), {rule.name for rule in RULES})
# What would ask for a cascade goes to the verify model: no call can be made here.
_AROUND = Surroundings(replace(_POLICY, direct_above=_POLICY.skip_below), RefusalMemory(300))
_METERS = Meters("bench", "steps")
_OTHERS = bytearray(4 << 20)
_TRACE = "0" * 32
_HEADERS = {
    ":authority": "127.0.0.1:10000",
    ":path": "/v1/messages",
    ":method": "POST",
    ":scheme": "http",
    "content-type": "application/json",
    "x-api-key": "k",
    "user-agent": "bench",
    "x-forwarded-proto": "http",
    "x-request-id": "6f1b7c8e-0000-4000-8000-000000000000",
}
_REQUEST_HEADERS = Headers([(name, value.encode()) for name, value in _HEADERS.items()])


class _Memory:
    """A stream whose messages are all there."""

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = iter(messages)

    def traceparent(self) -> str:
        return ""

    async def read(self) -> bytes | None:
        return next(self._messages, None)

    async def write(self, message: bytes) -> None:
        pass


def bodies() -> dict[str, bytes]:
    """Give the requests that are timed, by name."""
    mega = {f"1 MB {name}": made for name, made in shapes(1_000_000).items()}
    small = {f"1 KB {name}": made for name, made in shapes(1_000).items()}
    agents = {"30 KB agent": agent(30_000), "100 KB agent": agent(100_000)}
    return {"0.2 KB": body(200, direct=False), **small, **agents, "100 KB": body(100_000, direct=False), **mega}


def steps(content: bytes) -> dict[str, Step]:
    """Give the steps of one request, by name, each ready to be run again and again."""
    opened = _message("request_headers", _HEADERS)
    bodied = _message("request_body", content=content)
    answered = _message("response_headers", {":status": "200", "content-type": "application/json"})
    translator = Translator()
    request = accept("/v1/messages", "", content)
    label = classify(request, _POLICY)
    translator.event(bodied, 0.0)
    forward = next(command for command in _decided(content) if isinstance(command, do.Forward))
    return {
        "headers in": lambda: Translator().event(opened, 0.0),
        "body in": lambda: Translator().event(bodied, 0.0),
        "accept": lambda: accept("/v1/messages", "", content),
        "classify": lambda: classify(request, _POLICY),
        "plan": lambda: plan(request, label, _POLICY),
        "session": lambda: _decided(content),
        "answer out": lambda: translator.reply(forward),
        "exchange": lambda: _exchanged([opened, bodied, answered]),
    }


def warm(step: Step, runs: int) -> float:
    """Give the best time of one run in µs."""
    best = float("inf")
    for _ in range(runs):
        began = perf_counter()
        step()
        best = min(best, perf_counter() - began)
    return best * 1e6


def cold(step: Step, runs: int) -> float:
    """Give the median time of one run in µs, other memory being walked through before each."""
    times = []
    for _ in range(runs):
        _OTHERS.find(1)
        began = perf_counter()
        step()
        times.append(perf_counter() - began)
    return median(times) * 1e6


def _decided(content: bytes) -> list[do.Command]:
    session = Session(_AROUND, _TRACE)
    session.handle(RequestHeaders(0.0, _REQUEST_HEADERS, end=False))
    return session.handle(RequestBody(0.0, content))


def _exchanged(messages: list[bytes]) -> None:
    """Run one exchange to its end; nothing in it waits for anything."""
    running = Exchange(_Memory(messages), Session(_AROUND, _TRACE), None, _METERS).run()  # type: ignore[arg-type] # no call is made
    with suppress(StopIteration):
        running.send(None)


def _message(kind: str, headers: Mapping[str, str] = MappingProxyType({}), content: bytes = b"") -> bytes:
    made = ProcessingRequest()
    part = getattr(made, kind)
    part.SetInParent()
    for name, value in headers.items():
        part.headers.headers.add(key=name, raw_value=value.encode())
    if content:
        part.body, part.end_of_stream = content, True
    return made.SerializeToString()


@click.command()
@click.option("--only", help="Only bodies whose name begins so.")
@click.option("--runs", default=2_000, show_default=True, type=click.IntRange(1), help="Runs of each step on a small body.")
def main(only: str | None, runs: int) -> None:
    """Print the tables, warm and cold."""
    chosen = {name: made for name, made in bodies().items() if name.startswith(only or "")}
    prepared = {name: steps(made) for name, made in chosen.items()}
    head = ("µs", *next(iter(prepared.values())))
    for how, least in ((warm, 100), (cold, 50)):
        rows = [
            [name, *(f"{how(step, max(least, runs * 1_000 // (1_000 + len(chosen[name])))):.1f}" for step in ready.values())]
            for name, ready in prepared.items()
        ]
        click.echo(f"{how.__name__}:\n\n{table(head, rows)}\n")


if __name__ == "__main__":
    main()
