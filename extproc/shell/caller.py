"""Side calls to models, through Envoy's egress listener: TLS, credentials, retries and circuit breakers are Envoy's.

aiohttp, because a streamed answer comes in many small pieces, and its parser takes each for a third of what httpx needs. Its
errors become `CallFailed` with one of the core's kinds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from time import monotonic

import aiohttp
from yarl import URL

from extproc.config.runtime import TARGET_HEADER
from extproc.core.commands import Call
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Event, Headers

_CONNECT_S = 5.0
_IDLE_S = 30.0
_HEADER_BYTES = 64 << 10
"""As much as Envoy lets through by default."""
_OWN_HEADERS = ("accept", "accept-encoding", "content-type", "user-agent")
"""What aiohttp would add where the client has none."""

Emit = Callable[[Event], Awaitable[None]]


class Caller:
    """Runs `Call` commands; one per worker, with a connection pool of its own."""

    def __init__(self, egress: Path) -> None:
        self._egress = egress
        self._opened: aiohttp.ClientSession | None = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._egress), limit=0, keepalive_timeout=_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_OWN_HEADERS,
                auto_decompress=False,
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
            )
        return self._opened

    async def run(self, call: Call, emit: Emit) -> None:
        """Make one call and tell its story in events; always ends with `CallEnded` or `CallFailed`, unless cancelled."""
        try:
            async with asyncio.timeout(call.wall_s):
                await self._run(call, emit)
        except aiohttp.ServerTimeoutError:  # a TimeoutError, too
            await emit(CallFailed(monotonic(), "timeout", call.role))
        except TimeoutError:
            await emit(CallFailed(monotonic(), "budget", call.role))
        except aiohttp.ClientConnectorError:
            await emit(CallFailed(monotonic(), "connect", call.role))
        except (aiohttp.ClientError, OSError):
            await emit(CallFailed(monotonic(), "reset", call.role))

    async def _run(self, call: Call, emit: Emit) -> None:
        began_s = monotonic()
        headers = [(name, _text(value)) for name, value in call.headers]
        headers.append((TARGET_HEADER, call.role))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=call.silence_s)
        url = URL(f"http://egress{_text(call.path.encode('latin-1'))}", encoded=True)
        body = BytesIO(call.body)
        async with self._session.post(url, headers=headers, data=body, timeout=timeout, allow_redirects=False) as response:
            got = Headers([(name.decode("latin-1").lower(), value) for name, value in response.raw_headers])
            await emit(CallStarted(monotonic(), response.status, got, call.role, began_s))
            async for data in response.content.iter_any():
                await emit(CallData(monotonic(), data, call.role))
        await emit(CallEnded(monotonic(), call.role))

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()


def _text(value: bytes) -> str:
    """Give a header's bytes as text. aiohttp makes UTF-8 of it: the same bytes, unless they were Latin-1, which no API asks for."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
