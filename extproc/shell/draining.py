"""Envoy's end, so that no request is cut: first every answer asks its client to go elsewhere, then nobody new is let in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import httpx

_POLL_S = 0.1


class Drain:
    """Drains the Envoy at an admin address; one that is not there is drained.

    https://www.envoyproxy.io/docs/envoy/latest/operations/admin#post--drain_listeners
    """

    def __init__(self, client: httpx.AsyncClient, envoy_admin: str, drain_s: float, tell: Callable[[str], None]) -> None:
        self._client = client
        self._admin = f"http://{envoy_admin}"
        self._drain_s = drain_s
        self._tell = tell

    async def run(self) -> None:
        """Let the requests in flight end, for `drain_s` seconds at most."""
        active = 0
        for request in ("drain_listeners?graceful&skip_exit", "drain_listeners"):
            await ask(self._client, f"{self._admin}/{request}", "POST")
            active = await self._idle_within(self._drain_s / 2)
        if active:
            self._tell(f"{active} requests still in flight after {self._drain_s:.0f} s; closing them")

    async def _idle_within(self, seconds: float) -> int:
        """Wait until no request is in flight; gives how many still are when the time is up."""
        deadline = monotonic() + seconds
        while active := await self._active():
            if monotonic() > deadline:
                break
            await asyncio.sleep(_POLL_S)
        return active

    async def _active(self) -> int:
        """Requests in flight at Envoy, those to its admin left out."""
        status, text = await ask(self._client, f"{self._admin}/stats?filter=downstream_rq_active")
        if status != 200:
            return 0
        rows = [line.rpartition(": ") for line in text.splitlines()]
        return sum(int(value) for name, _, value in rows if name.startswith("http.") and not name.startswith("http.admin"))


async def ask(client: httpx.AsyncClient, url: str, method: str = "GET") -> tuple[int, str]:
    """Send a request; give its status and text, or 0 and the kind of error."""
    try:
        response = await client.request(method, url)
    except httpx.HTTPError as error:
        return 0, type(error).__name__
    return response.status_code, response.text.strip()
