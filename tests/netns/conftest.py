"""One world for all tests of a mode; on a machine that cannot make one they fail, and say why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.netns.world import World, missing

LISTEN = {"pod": "127.0.0.1:15001", "gateway": "[::]:15001"}


@pytest.fixture(scope="session", autouse=True)
def _able() -> None:
    if reason := missing():
        pytest.fail(f"NOT TESTED: {reason}", pytrace=False)


@pytest.fixture(scope="module", params=["pod", "gateway"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Start it: in the pod IPv4 and TLS alone, on the gateway IPv6 and plain HTTP, too."""
    with World(request.param, listen=LISTEN[request.param], plain_http=request.param == "gateway") as world:
        yield world
