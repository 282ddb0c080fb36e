"""The gRPC server on grpc.aio: ext_proc, access log and health on one Unix socket per worker.

The transport `grpcio` of the configuration; the only importer of grpc. It uses the `read()`/`write()` interface of grpc.aio,
which costs less per message than its generators do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc.config.processor import Tls
from extproc.shell.credentials import credentials
from extproc.shell.exchange import Stream
from extproc.shell.limits import options

_EXT_PROC = "envoy.service.ext_proc.v3.ExternalProcessor"
_ACCESS_LOG = "envoy.service.accesslog.v3.AccessLogService"
_LAST_RECORDS_S = 0.2
"""How long after the last exchange its record may take: Envoy sends them every 50 ms."""

_LAST_WORDS_S = 0.1
"""How long Envoy has to read the last answer of a server that stops: grpc closes the connection with its last call, and if Envoy writes
just then, it sees an error and forgets what it has not read."""

Handler = Callable[[Stream], Awaitable[None]]
LogReceiver = Callable[[AsyncIterator[bytes]], Awaitable[None]]


class GrpcStream:
    """One ext_proc stream of grpc.aio, as a `Stream`."""

    __slots__ = ("_context",)

    def __init__(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        self._context = context

    def traceparent(self) -> str:
        """Give the trace context among the initial metadata; Envoy puts it there when it traces."""
        for key, value in self._context.invocation_metadata() or ():
            if key == "traceparent" and isinstance(value, str):
                return value
        return ""

    async def read(self) -> bytes | None:
        """Give the next message, None at the end."""
        message = await self._context.read()
        return message if isinstance(message, bytes) else None

    async def write(self, message: bytes) -> None:
        """Send one message. To one that has left it goes nowhere, and `read` finds out."""
        with suppress(grpc.aio.BaseError):
            await self._context.write(message)


class GrpcServer:
    """Serves until stopped."""

    def __init__(self, handle: Handler, receive_log: LogReceiver, max_body_bytes: int, *, shared_port: bool = False) -> None:
        self._handle = handle
        self._receive_log = receive_log
        self._server = grpc.aio.server(options=options(max_body_bytes, shared_port=shared_port))
        self._health = health.aio.HealthServicer()
        self._begun = 0
        """Exchanges so far."""
        self._exchanges = 0
        """Those at work."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._stops = False

    def listen(self, address: str, tls: Tls | None) -> None:
        """Listen on the network as well, from `start` on. OSError where the address cannot be had.

        With TLS, each client must show a certificate of the authority; the files are looked at again for each handshake.
        """
        try:
            if tls is None:
                self._server.add_insecure_port(address)
            else:
                self._server.add_secure_port(address, credentials(tls))
        except RuntimeError as error:
            raise OSError(f"{address}: cannot listen there") from error

    async def start(self, socket: Path) -> None:
        """Listen on a Unix socket that only this user may open; an old one in its place is removed."""
        Path.unlink(socket, missing_ok=True)
        ext_proc: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._process)
        access_log: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(self._access_log)
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(_EXT_PROC, {"Process": ext_proc}),
                grpc.method_handlers_generic_handler(_ACCESS_LOG, {"StreamAccessLogs": access_log}),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_insecure_port(f"unix:{socket}")
        await self._server.start()
        Path.chmod(socket, 0o600)
        for service in ("", _EXT_PROC):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace_s: float) -> None:
        """Refuse new streams, let exchanges at work end within `grace_s`, and hear Envoy's last records."""
        self._stops = True
        await self._health.enter_graceful_shutdown()
        stopping = asyncio.create_task(self._server.stop(grace_s))
        # Access logs never end by themselves. Ended sooner, Envoy would open them anew before it has seen our GOAWAY, and
        # grpc, which serves nobody any more by then, would wait for those until the grace is over.
        while not stopping.done():
            await self._idle.wait()
            begun = self._begun
            await asyncio.wait([stopping], timeout=_LAST_RECORDS_S)
            if begun == self._begun:
                break  # else there were calls that grpc had taken already and not yet handed to us
        await self._server.stop(None)
        await stopping

    async def _process(self, _: Any, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        self._begun += 1
        self._exchanges += 1
        self._idle.clear()
        try:
            await self._handle(GrpcStream(context))
            if self._stops:
                await asyncio.sleep(_LAST_WORDS_S)
        except Exception as error:
            told = {"message": "a call's handler failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(told)
            await context.abort(grpc.StatusCode.INTERNAL, "the processor failed")
        finally:
            self._exchanges -= 1
            if not self._exchanges:
                self._idle.set()

    async def _access_log(self, messages: AsyncIterator[bytes], _: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await self._receive_log(messages)
        return b""
