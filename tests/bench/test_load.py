"""The load generator against servers that answer well and badly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bench.bodies import body
from bench.load import Client, Window, WrongAnswerError, quantile, request_of, run
from bench.upstream import Provider

_ALWAYS = float("inf")


class Says(asyncio.Protocol):
    """Answers every chunk with the same bytes, or hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answer:
            self._transport.write(self._answer)
        else:
            self._transport.close()


def _load(server: Callable[[], asyncio.Protocol], connections: int) -> tuple[list[float], int]:
    async def both() -> tuple[list[float], int]:
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        async with listening:
            return await run(listening.sockets[0].getsockname()[1], request_of(body(200, direct=False)), connections, 0.05, 0.0)

    return asyncio.run(both())


@pytest.mark.parametrize("connections", [1, 16])
def test_every_connection_is_answered(connections: int) -> None:
    times, count = _load(Provider, connections)
    assert connections <= count
    assert len(times) <= count
    assert all(time > 0 for time in times)


class Fifty(Client):
    """Asks fifty times: ten to warm up, thirty-nine that are timed, and one that ends behind the window."""

    def _answered(self, now: float) -> None:
        if self.count == 10:
            self._window = Window(0.0, _ALWAYS)
        elif self.count == 49:
            self._window = Window(0.0, now)
        super()._answered(now)


def test_fifty_requests_on_one_connection() -> None:
    async def both() -> Client:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(Provider, "127.0.0.1", 0)
        async with listening:
            port, request = listening.sockets[0].getsockname()[1], request_of(body(1_000, direct=True))
            warming = Window(_ALWAYS, _ALWAYS)
            _, client = await loop.create_connection(lambda: Fifty(request, warming, loop.create_future()), "127.0.0.1", port)
            await client.done
            return client

    client = asyncio.run(both())
    assert client.count == 50
    assert len(client.times) == 39


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "chunked"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokay", "more came"),
        (b"", "closed in the middle"),
    ],
)
def test_a_wrong_answer_ends_the_measurement(answer: bytes, told: str) -> None:
    with pytest.raises(WrongAnswerError, match=told):
        _load(lambda: Says(answer), 1)


@pytest.mark.parametrize(
    ("times", "share", "expected"),
    [
        ([3.0], 0.5, 3.0),
        ([2.0, 1.0], 0.5, 1.0),
        ([5.0, 1.0, 3.0, 2.0, 4.0], 0.5, 3.0),
        ([float(value) for value in range(1, 101)], 0.99, 99.0),
        ([float(value) for value in range(1, 101)], 1.0, 100.0),
        ([float(value) for value in range(1, 11)], 0.99, 10.0),
    ],
)
def test_quantile_is_the_nearest_rank(times: list[float], share: float, expected: float) -> None:
    assert quantile(times, share) == expected
