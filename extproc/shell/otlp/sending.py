"""How OTLP messages reach a collector: what every way has in common, and HTTP (OTLP specification, OTLP/HTTP)."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from typing import Protocol

import aiohttp

from extproc.config.otlp import Target

_RETRYABLE = frozenset({429, 502, 503, 504})
_ANSWER_BYTES = 64 << 10


class SendError(Exception):
    """A message was not taken. The text says why, in a word or two, without anything that the other side wrote."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.again = again
        """It may be taken later."""


class Sender(Protocol):
    """Sends messages of one signal."""

    async def send(self, message: bytes) -> int:
        """Send an export request; gives how many of the things in it were refused. SendError where it was not taken at all."""

    async def close(self) -> None:
        """Close the connection."""


class HttpSender:
    """Sends by HTTP POST."""

    def __init__(self, target: Target) -> None:
        self._target = target
        upstream = target.upstream
        self._url = f"http{'s' if upstream.tls else ''}://{upstream.authority}{target.path}"
        self._headers = {"content-type": "application/x-protobuf", **dict(target.headers)}
        if target.gzip:
            self._headers["content-encoding"] = "gzip"
        self._opened: aiohttp.ClientSession | None = None

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=1, ssl=_tls(self._target) if self._target.upstream.tls else True)
            timeout = aiohttp.ClientTimeout(total=self._target.timeout_s)
            self._opened = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._opened

    async def send(self, message: bytes) -> int:
        """Send an export request."""
        body = await asyncio.to_thread(gzip.compress, message, 1) if self._target.gzip else message
        try:
            async with self._session().post(self._url, data=body, headers=self._headers, allow_redirects=False) as response:
                if response.status // 100 != 2:
                    raise SendError(f"status {response.status}", again=response.status in _RETRYABLE)
                return refused(await response.content.read(_ANSWER_BYTES))
        except TimeoutError:
            raise SendError("timeout", again=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SendError(type(error).__name__, again=True) from None

    async def close(self) -> None:
        """Close the connection."""
        if self._opened is not None:
            await self._opened.close()


def _tls(target: Target) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=target.authorities or None)
    if target.certificate:
        context.load_cert_chain(target.certificate, target.key or None)
    return context


def refused(answer: bytes) -> int:
    """Read how many things a collector has refused out of its answer; one that is no such message says nothing."""
    if not answer:
        return 0
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        # Of all signals the number stands in the same place.
        count: int = ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
    except DecodeError:
        return 0
    return max(0, count)
