"""A peer that leaves, at each moment of a call: every byte of it, every frame. Nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import pytest

from extproc.shell.exchange import Stream
from extproc.shell.native.grpc import prefix
from extproc.shell.native.http2 import frames as f
from extproc.shell.native.http2.frames import END_STREAM, frame
from extproc.shell.native.server import NativeServer
from tests.shell.native.wire import CALL, GREETING, headers

HELLO = prefix(b"hello") + b"hello"
CALLS = [
    headers(1, [*CALL, ("grpc-timeout", "20S")]),
    frame(f.DATA, 0, 1, HELLO + HELLO[:3]),
    f.window_update(1, 10),
    headers(3),
    frame(f.DATA, 0, 1, HELLO[3:]),
    frame(f.DATA, f.PADDED | END_STREAM, 3, b"\x01" + HELLO + b"\x00"),
    frame(f.DATA, END_STREAM, 1, b""),
]
"""Two calls, frame by frame."""


class Wire:
    """Stands in for a socket's transport."""

    closed = False

    def writelines(self, parts: Iterable[bytes]) -> None:
        """What is answered is the business of other tests."""

    def is_closing(self) -> bool:
        return self.closed

    def write_eof(self) -> None:
        """All is said; whoever reads it is the business of other tests."""

    def abort(self) -> None:
        self.closed = True


async def _echo(stream: Stream) -> None:
    while (message := await stream.read()) is not None:
        await stream.write(message)


async def _sleepy(stream: Stream) -> None:
    while (message := await stream.read()) is not None:
        await asyncio.sleep(0)
        await stream.write(message)


async def _waiting(stream: Stream) -> None:
    await stream.read()
    await asyncio.Event().wait()


async def _pouring(stream: Stream) -> None:
    await stream.read()
    for _ in range(10):
        await stream.write(bytes(20_000))


HANDLERS = [_echo, _sleepy, _waiting, _pouring]


async def _left(handler: Any, pieces: Sequence[bytes], *, settled: bool) -> int:
    """Feed, let the peer leave, and give what is still there: calls and tasks."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    peer = NativeServer(handler, 1 << 20).peer()
    peer.connection_made(Wire())  # type: ignore[arg-type]
    for piece in pieces:
        peer.data_received(piece)
        if settled:
            await asyncio.sleep(0)
    peer.connection_lost(None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not failures
    return len(peer._calls) + len(asyncio.all_tasks()) - 1


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_connection_that_ends_after_any_byte(handler: Any, settled: bool):
    data = b"".join(CALLS)

    async def main() -> list[int]:
        return [await _left(handler, [GREETING, data[:end]], settled=settled) for end in range(len(data) + 1)]

    assert set(asyncio.run(main())) == {0}


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_call_that_is_reset_after_any_frame(handler: Any, settled: bool):
    """Of both calls, in either order, in one piece with what was before and in one of its own."""

    async def main() -> list[int]:
        told = []
        for sent in list(accumulate(CALLS))[3:]:
            for first, second in ((1, 3), (3, 1)):
                resets = [f.reset(first, 8), f.reset(second, 8)]
                told.append(await _left(handler, [GREETING, sent, *resets], settled=settled))
                told.append(await _left(handler, [GREETING + sent + b"".join(resets)], settled=settled))
        return told

    assert set(asyncio.run(main())) == {0}
