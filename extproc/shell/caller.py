"""Side calls to models, through Envoy's egress listener: TLS, credentials, retries and circuit breakers are Envoy's.

The only importer of httpx; its errors become `CallFailed` with one of the core's kinds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import httpx

from extproc.config.runtime import TARGET_HEADER
from extproc.core.commands import Call
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Event, Headers

_CONNECT_S = 5.0

Emit = Callable[[Event], Awaitable[None]]


class Caller:
    """Runs `Call` commands; one per worker, with a connection pool of its own."""

    def __init__(self, egress: Path) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30)
        self._client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(egress), limits=limits), follow_redirects=False)
        self._client.headers.clear()  # the client's own headers go upstream, none of httpx's

    async def run(self, call: Call, emit: Emit) -> None:
        """Make one call and tell its story in events; always ends with `CallEnded` or `CallFailed`, unless cancelled."""
        try:
            async with asyncio.timeout(call.wall_s):
                await self._run(call, emit)
        except TimeoutError:
            await emit(CallFailed(monotonic(), "budget", call.role))
        except httpx.TimeoutException:
            await emit(CallFailed(monotonic(), "timeout", call.role))
        except (httpx.ConnectError, httpx.UnsupportedProtocol):
            await emit(CallFailed(monotonic(), "connect", call.role))
        except httpx.HTTPError:
            await emit(CallFailed(monotonic(), "reset", call.role))

    async def _run(self, call: Call, emit: Emit) -> None:
        headers = [(name.encode("latin-1"), value) for name, value in call.headers]
        headers.append((TARGET_HEADER.encode(), call.role.encode()))
        timeout = httpx.Timeout(call.silence_s, connect=_CONNECT_S)
        url = f"http://egress{call.path}"
        async with self._client.stream("POST", url, headers=headers, content=call.body, timeout=timeout) as response:
            got = Headers([(name.decode("latin-1").lower(), value) for name, value in response.headers.raw])
            await emit(CallStarted(monotonic(), response.status_code, got, call.role))
            async for data in response.aiter_raw():
                await emit(CallData(monotonic(), data, call.role))
        await emit(CallEnded(monotonic(), call.role))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
