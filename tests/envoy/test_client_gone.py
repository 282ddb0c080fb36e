"""A client that leaves takes everything with it that was asked for on its behalf, at every stage."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.support.pair import PATHS, Pair, pair, question, steering
from tests.support.system import until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

STAGES = {
    "drafting": ("hang", "", "draft"),
    "drafting, begun": ("stall=6", "", "draft"),
    "judging": ("", "hang", "verify"),
    "judging, begun": ("", "verdict=accept; stall=1", "verify"),
    "relaying": ("", "verdict=improve; words=80; stall=40", "verify"),
    "rescuing": ("status=503", "hang", "verify"),
    "relaying the rescue": ("empty", "words=80; stall=40", "verify"),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stage", STAGES)
def test_a_client_that_leaves(both: Pair, stage: str, stream: bool):
    draft, verify, role = STAGES[stage]
    provider = both.draft if role == "draft" else both.verify
    for path in PATHS:
        cancelled = both.metric("cascade_errors_total", role=role, kind="cancelled")
        asked = provider.count
        client = _begun(both, path, stream=stream, how=steering(draft, verify))
        until(lambda asked=asked: provider.count > asked and provider.active)
        if "begun" in stage or "relaying" in stage:
            until(lambda: provider.requests[-1].sent)
        if stream and "relaying" in stage:
            assert client.recv(100_000)
        client.close()
        until(lambda: not provider.active, 1)
        assert provider.requests[-1].ending == "left"
        until(lambda before=cancelled: both.metric("cascade_errors_total", role=role, kind="cancelled") == before + 1)
    until(both.is_idle)


def _begun(both: Pair, path: str, *, stream: bool, how: dict[str, str]) -> socket.socket:
    """Send a request and wait for nothing."""
    body = json.dumps(question(path, stream=stream)).encode()
    told = "".join(f"{name}: {value}\r\n" for name, value in how.items())
    client = socket.create_connection(("127.0.0.1", both.system.port), 10)
    client.sendall(f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(body)}\r\n{told}\r\n".encode() + body)
    return client
