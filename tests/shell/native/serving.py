"""A server of ours on a Unix socket, the native one or that on grpc.aio, with a handler that does what the `traceparent` of a call says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from extproc.shell.exchange import Stream
from extproc.shell.native.server import METHOD, NativeServer
from extproc.shell.server import GrpcServer
from tests.support.background import Background

LARGEST = 32 << 20


class Serving:
    """`async with` serves; `told` counts what happened to the handlers."""

    def __init__(self, socket: Path, transport: str) -> None:
        self.socket = socket
        self._transport = transport
        self.told: Counter[str] = Counter()
        self.errors: list[dict[str, Any]] = []
        self.server: NativeServer | GrpcServer | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.go_on = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        native = self._transport == "native"
        self.server = NativeServer(self._handle, LARGEST) if native else GrpcServer(self._handle, _no_records, LARGEST)
        await self.server.start(self.socket)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self.server is not None
        await self.server.stop(0.2)

    async def _handle(self, stream: Stream) -> None:
        name = stream.traceparent() or "echo"
        self.told[f"{name} begun"] += 1
        try:
            await _HANDLERS[name](self, stream)
            self.told[f"{name} ended"] += 1
        except asyncio.CancelledError:
            self.told[f"{name} cancelled"] += 1
            raise

    async def echo(self, stream: Stream) -> None:
        while (message := await stream.read()) is not None:
            await stream.write(message)

    async def sleepy(self, stream: Stream) -> None:
        while (message := await stream.read()) is not None:
            await asyncio.sleep(0.001)
            await stream.write(message)

    async def counting(self, stream: Stream) -> None:
        size = 0
        while (message := await stream.read()) is not None:
            size += len(message)
        await stream.write(b"%d" % size)

    async def early(self, stream: Stream) -> None:
        await stream.write(await stream.read() or b"")

    async def silent(self, stream: Stream) -> None:
        await stream.read()

    async def failing(self, stream: Stream) -> None:
        await stream.read()
        raise ValueError("told to nobody")

    async def waiting(self, stream: Stream) -> None:
        await stream.read()
        await self.go_on.wait()
        await stream.write(b"at last")

    async def patient(self, stream: Stream) -> None:
        """Waits for its peer alone."""
        while await stream.read() is not None:
            pass

    async def pouring(self, stream: Stream) -> None:
        await stream.read()
        for _ in range(50):
            await stream.write(bytes(1 << 20))
            self.told["poured"] += 1

    async def deaf(self, stream: Stream) -> None:
        """Does not read before it is told to."""
        await self.go_on.wait()
        await self.counting(stream)


async def _no_records(_: AsyncIterator[bytes]) -> None:
    raise AssertionError("nobody sends any")


_HANDLERS: dict[str, Callable[[Serving, Stream], Awaitable[None]]] = {
    name: getattr(Serving, name)
    for name in ("echo", "sleepy", "counting", "early", "silent", "failing", "waiting", "patient", "pouring", "deaf")
}


@contextmanager
def serving(folder: Path, transport: str = "native") -> Iterator[Serving]:
    """Run it in the background."""
    with Background(Serving(folder / "s", transport)) as running:
        yield running


Call = Callable[..., Any]


@contextmanager
def client(running: Serving, *more: tuple[str, int]) -> Iterator[Call]:
    """A client of grpcio, perhaps with more options: `call(messages, what)` calls the method."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"unix:{running.socket}", options=[*options, *more, ("grpc.use_local_subchannel_pool", 1)]) as channel:
        method: Any = channel.stream_stream(METHOD.decode())
        yield lambda messages, what="echo", **more: method(iter(messages), metadata=[("traceparent", what)], **more)
