"""What the server on grpcio keeps to, held by the real client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from extproc.shell.exchange import Stream
from extproc.shell.limits import SLACK_BYTES
from extproc.shell.server import GrpcServer

_PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
_BODY = 1 << 20


async def _echo(stream: Stream) -> None:
    while (message := await stream.read()) is not None:
        await stream.write(message)


async def _hear(messages: AsyncIterator[bytes]) -> None:
    async for _ in messages:
        pass


def ask(folder: Path, size: int, metadata: int = 10) -> grpc.StatusCode:
    """Send one message of a size, with metadata of a size; give how the call ended."""

    async def main() -> grpc.StatusCode:
        server = GrpcServer(_echo, _hear, _BODY)
        await server.start(folder / "s")
        options = [("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(f"unix:{folder / 's'}", options=options) as channel:
            call = channel.stream_stream(_PROCESS)(metadata=[("x-a", "a" * metadata)])
            try:
                await call.write(b"a" * size)
                assert await call.read() == b"a" * size
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                pass
            code = await call.code()
        await server.stop(1.0)
        return code

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("size", "metadata", "code"),
    [
        (_BODY, 10, grpc.StatusCode.OK),
        (_BODY + SLACK_BYTES, 60_000, grpc.StatusCode.OK),
        (_BODY + SLACK_BYTES + 1, 10, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (10, 200_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_sizes(tmp_path: Path, size: int, metadata: int, code: grpc.StatusCode):
    assert ask(tmp_path, size, metadata) is code


@pytest.mark.parametrize("shared", [False, True])
def test_an_address_in_use_is_an_error(shared: bool):
    async def main(address: str) -> None:
        server = GrpcServer(_echo, _hear, _BODY, shared_port=shared)
        with pytest.raises(OSError, match="cannot listen there"):
            server.listen(address, None)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        asyncio.run(main(f"127.0.0.1:{taken.getsockname()[1]}"))
