"""The server on grpc.aio: how it stops, with the real client of grpcio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import grpc
from h2.connection import H2Connection

from extproc.shell.exchange import Stream
from extproc.shell.server import GrpcServer

_PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
_LOGS = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
_LONG_S = 600.0
"""A grace that no test waits for."""


class Serving:
    """A server that echoes and hears records."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[bytes] = []
        self.hears = asyncio.Event()
        self.server = GrpcServer(self._echo, self._receive, 1 << 20)
        self.channel = grpc.aio.insecure_channel(f"unix:{folder / 's'}")
        self._socket = folder / "s"

    async def __aenter__(self) -> Serving:
        await self.server.start(self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    async def _echo(self, stream: Stream) -> None:
        while (message := await stream.read()) is not None:
            await stream.write(message)

    async def _receive(self, messages: AsyncIterator[bytes]) -> None:
        async for message in messages:
            self.heard.append(message)
            self.hears.set()


def test_an_access_log_that_is_opened_anew_again_and_again_does_not_hold_up_the_stop(tmp_path: Path):
    async def log(channel: grpc.aio.Channel) -> None:
        while True:
            with suppress(grpc.aio.AioRpcError):
                call = channel.stream_unary(_LOGS)()
                await call.write(b"record")
                await call
            await asyncio.sleep(0)

    async def main() -> None:
        async with Serving(tmp_path) as serving:
            logs = [asyncio.create_task(log(serving.channel)) for _ in range(3)]
            await serving.hears.wait()
            await asyncio.wait_for(serving.server.stop(_LONG_S), 30)
            for task in logs:
                task.cancel()
            await asyncio.gather(*logs, return_exceptions=True)

    asyncio.run(main())


def test_an_exchange_at_work_ends_in_peace_and_its_record_is_heard(tmp_path: Path):
    async def main() -> list[bytes]:
        async with Serving(tmp_path) as serving:
            log, exchange = serving.channel.stream_unary(_LOGS)(), serving.channel.stream_stream(_PROCESS)()
            await log.write(b"first")
            await exchange.write(b"before")
            assert await exchange.read() == b"before"
            stopping = asyncio.create_task(serving.server.stop(_LONG_S))
            await asyncio.sleep(0.3)
            await exchange.write(b"after")
            assert await exchange.read() == b"after"
            assert not stopping.done()
            await exchange.done_writing()
            assert await exchange.read() is grpc.aio.EOF
            await log.write(b"last")
            await asyncio.wait_for(stopping, 30)
            return serving.heard

    assert asyncio.run(main()) == [b"first", b"last"]


def test_an_exchange_that_grpc_has_taken_already_ends_in_peace(tmp_path: Path):
    """As in a busy worker: the call is there when it is told to stop, but its handler has not begun."""

    async def main() -> None:
        async with Serving(tmp_path) as serving:
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            client = H2Connection()
            client.initiate_connection()
            asked = {":method": "POST", ":scheme": "http", ":authority": "s", ":path": _PROCESS, "te": "trailers"}
            client.send_headers(1, [*asked.items(), ("content-type", "application/grpc")])
            writer.write(client.data_to_send())
            time.sleep(0.5)  # noqa: ASYNC251 - busy; grpc has threads of its own
            stopping = asyncio.create_task(serving.server.stop(_LONG_S))
            await asyncio.sleep(0.5)
            client.send_data(1, b"\0\0\0\0\2hi", end_stream=True)
            writer.write(client.data_to_send())
            assert b"\0\0\0\0\2hi" in await asyncio.wait_for(reader.read(-1), 20)
            writer.close()
            await asyncio.wait_for(stopping, 20)

    asyncio.run(main())
