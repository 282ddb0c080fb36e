"""OTLP by gRPC."""

from __future__ import annotations

from pathlib import Path

import grpc

from extproc.config.otlp import Target
from extproc.shell.otlp.sending import SendError, refused

_METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_RETRYABLE = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class GrpcSender:
    """Sends by unary calls."""

    def __init__(self, target: Target, signal: str) -> None:
        """Open nothing yet; `signal`: `traces` or `metrics`."""
        self._target = target
        self._method = _METHODS[signal]
        self._channel: grpc.aio.Channel | None = None
        self._export: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] | None = None

    def _call(self) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
        if self._export is None:
            self._channel = _channel(self._target)
            self._export = self._channel.unary_unary(self._method)
        return self._export

    async def send(self, message: bytes) -> int:
        """Send an export request."""
        try:
            answer = await self._call()(message, timeout=self._target.timeout_s, metadata=self._target.headers)
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise SendError(code.name.lower(), again=code in _RETRYABLE) from None
        return refused(answer)

    async def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            await self._channel.close(None)


def _channel(target: Target) -> grpc.aio.Channel:
    upstream = target.upstream
    address = f"[{upstream.host}]:{upstream.port}" if ":" in upstream.host else f"{upstream.host}:{upstream.port}"
    compression = grpc.Compression.Gzip if target.gzip else None
    # It tries anew at least every few seconds: a collector that comes back should not wait for minutes.
    options = [("grpc.max_reconnect_backoff_ms", 5000), ("grpc.enable_http_proxy", 0)]
    if not upstream.tls:
        return grpc.aio.insecure_channel(address, options, compression)
    return grpc.aio.secure_channel(address, _credentials(target), options, compression)


def _credentials(target: Target) -> grpc.ChannelCredentials:
    def read(name: str) -> bytes | None:
        return Path(name).read_bytes() if name else None

    return grpc.ssl_channel_credentials(read(target.authorities), read(target.key), read(target.certificate))
