"""The bench's provider: whole answers, however requests are cut."""

from __future__ import annotations

import asyncio

import pytest

from bench.bodies import body, streamed
from bench.load import request_of
from bench.upstream import EVENTS, WAIT, Provider


class Wire(asyncio.Transport):
    """Remembers what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.told = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        self.told.set()


def _answers(*chunks: bytes) -> list[bytes]:
    wire, provider = Wire(), Provider()
    provider.connection_made(wire)
    for chunk in chunks:
        provider.data_received(chunk)
    return wire.written


@pytest.mark.parametrize("step", [1, 7, 100, 10_000])
def test_one_answer_for_each_request_however_it_is_cut(step: int) -> None:
    request = request_of(body(300, direct=False))
    cut = [request[at : at + step] for at in range(0, len(request), step)]
    answers = _answers(*cut, *cut)
    assert len(answers) == 2
    for answer in answers:
        head, _, content = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"content-length: %d" % len(content) in head
        assert b'"usage"' in content


def test_nothing_before_the_body_is_whole() -> None:
    assert _answers(request_of(body(300, direct=False))[:-1]) == []


def test_a_stream_where_one_is_asked_for() -> None:
    (answer,) = _answers(request_of(streamed(body(200, direct=False))))
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream" in head
    assert b"content-length: %d" % len(content) in head
    assert content.count(b"event: content_block_delta\n") == EVENTS
    assert content.endswith(b"\n\n")


def test_a_request_without_a_body() -> None:
    assert len(_answers(b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n")) == 1


def test_it_waits_where_it_is_told_to() -> None:
    async def ask() -> tuple[int, int]:
        wire, provider = Wire(), Provider()
        provider.connection_made(wire)
        provider.data_received(f"GET / HTTP/1.1\r\n{WAIT}: 5\r\n\r\n".encode())
        at_once = len(wire.written)
        await wire.told.wait()
        return at_once, len(wire.written)

    assert asyncio.run(ask()) == (0, 1)
