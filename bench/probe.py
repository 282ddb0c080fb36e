"""One request at a time: is a variant what it claims to be, and how many messages does a request cost?"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from bench.bodies import SIZES, body, streamed
from bench.figures import Count, Variant
from bench.systems import Kind, System
from bench.upstream import EVENTS, WAIT

KIND_OF = {
    Variant.BARE: Kind.BARE,
    Variant.FLOOR: Kind.FLOOR,
    Variant.GO: Kind.GO,
    Variant.NATIVE: Kind.NATIVE_FLOOR,
    Variant.SKIPPED: Kind.OURS,
    Variant.DIRECT: Kind.OURS,
    Variant.NATIVE_SKIPPED: Kind.NATIVE,
    Variant.NATIVE_DIRECT: Kind.NATIVE,
    Variant.UNTRACED: Kind.UNTRACED,
}
"""Variant → the system that it is measured on."""

FAILED_OPEN = r"ext_proc\.(failure_mode_allowed|streams_failed)$"
_SENT = r"ext_proc\.stream_msgs_sent$"
_EXPECTED = {
    Variant.BARE: ("", "verify"),
    Variant.FLOOR: ("", "draft"),
    Variant.GO: ("", "draft"),
    Variant.NATIVE: ("", "draft"),
    Variant.SKIPPED: ("SKIPPED", "draft"),
    Variant.DIRECT: ("DIRECT", "verify"),
    Variant.NATIVE_SKIPPED: ("SKIPPED", "draft"),
    Variant.NATIVE_DIRECT: ("DIRECT", "verify"),
    Variant.UNTRACED: ("SKIPPED", "draft"),
}
"""Variant → its outcome header, and the cluster that the request goes to."""
_REQUESTS = 20
WAIT_MS = 20
"""How long the provider takes when messages are counted as a promise."""


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    content: bytes
    events: int
    """Text events that the answer must have."""


def request_for(variant: Variant, size: str) -> bytes:
    """Give the body that a variant is measured with."""
    return body(SIZES[size], direct=variant in (Variant.DIRECT, Variant.NATIVE_DIRECT))


def check(system: System, variant: Variant, size: str) -> None:
    """Refuse to measure one thing under the name of another. SystemExit says what is wrong."""
    outcome, cluster = _EXPECTED[variant]
    counter = rf"^cluster\.{cluster}\.upstream_rq_total$"
    before = stat(system, counter), stat(system, FAILED_OPEN)
    with _client(system) as client:
        response = client.post("/v1/messages", content=request_for(variant, size))
    got = response.headers.get("x-cascade-outcome", "")
    passed = stat(system, FAILED_OPEN) - before[1]
    if response.status_code != 200 or got != outcome or stat(system, counter) - before[0] != 1 or passed:
        told = f"status {response.status_code}, outcome {got or 'none'}, {passed} failed open"
        raise SystemExit(f"bench: {variant}, {size}: expected outcome {outcome or 'none'} from the cluster {cluster}, but got {told}")


def count_messages(system: System) -> list[Count]:
    """Count the ext_proc messages of every kind of request, by Envoy's own statistics."""
    counts = []
    for name, expected, direct in (("SKIPPED", 3, False), ("DIRECT", 2, True)):
        plain = body(SIZES["0.2KB"], direct=direct)
        counts.append(_count(system, f"{name}, JSON", _Call("POST", "/v1/messages", plain, 0), expected))
        counts.append(_count(system, f"{name}, SSE of {EVENTS} events", _Call("POST", "/v1/messages", streamed(plain), EVENTS), expected))
    return [*counts, _count(system, "no LLM call", _Call("GET", "/v1/models", b"", 0), 0)]


def stat(system: System, pattern: str) -> int:
    """Add up Envoy's counters whose names match."""
    text = httpx.get(f"http://127.0.0.1:{system.admin}/stats", params={"filter": pattern}).text
    return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if line)


def _count(system: System, what: str, call: _Call, expected: int) -> Count:
    return Count(what, _messages(system, call, 0), _messages(system, call, WAIT_MS), expected)


def _messages(system: System, call: _Call, wait_ms: int) -> float:
    before = stat(system, _SENT)
    with _client(system) as client:
        for _ in range(_REQUESTS):
            response = client.request(call.method, call.path, content=call.content or None, headers={WAIT: str(wait_ms)})
            if response.status_code != 200 or response.text.count("event: content_block_delta") != call.events:
                told = f"expected an answer of {call.events} events, but got {response.text[:200]!r}"
                raise SystemExit(f"bench: {call.method} {call.path}: {told}")
    return (stat(system, _SENT) - before) / _REQUESTS


def _client(system: System) -> httpx.Client:
    headers = {"x-api-key": "k", "content-type": "application/json"}
    return httpx.Client(base_url=f"http://127.0.0.1:{system.port}", headers=headers, timeout=30)
