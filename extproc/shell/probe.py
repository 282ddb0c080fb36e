"""Whether the whole is there: every worker listens, and Envoy really routes through them."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import aiohttp

from extproc.core.vocabulary import PROBE_ANSWER, PROBE_PATH

_PROBE_S = 1.0
UNTRACED = {"traceparent": f"00-{1:032x}-{1:016x}-00"}
"""A probe is no request that anybody wants a trace of."""


def deaf(sockets: Iterable[Path]) -> Iterator[Path]:
    """Give those Unix sockets at which nobody answers."""
    for path in sockets:
        with socket.socket(socket.AF_UNIX) as tried:
            tried.settimeout(1.0)
            try:
                tried.connect(str(path))
            except OSError:
                yield path


def root(address: str) -> str:
    """Give the URL at which what listens at an address is reached from this machine."""
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - who listens on all is asked on loopback
    return f"http://{host}:{port}"


class EnvoyProbe:
    """Finds out whether Envoy really routes through this processor, by sending a request through both."""

    def __init__(self, listen: str, sockets: Sequence[Path] = ()) -> None:
        """Ask nothing yet.

        Args:
            listen: address of Envoy's client listener.
            sockets: where the workers listen. Until each has been heard once, Envoy would pass some requests by.
        """
        self._url = f"{root(listen)}{PROBE_PATH}"
        self._sockets = list(sockets)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self) -> str:
        """Give the reason why not, or nothing when all is well."""
        self._sockets = list(deaf(self._sockets))
        if self._sockets:
            return f"{self._sockets[0].name} does not listen yet"
        # aiohttp serves this page and makes the side calls; another client would cost each worker a fifth of its start.
        session = self._session = self._session or aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PROBE_S))
        try:
            async with session.get(self._url, headers=UNTRACED) as response:
                status, told = response.status, await response.content.read(len(PROBE_ANSWER))
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"Envoy does not answer ({type(error).__name__})"
        # An upstream may answer anything with 200.
        return "" if (status, told) == (200, PROBE_ANSWER) else f"Envoy does not route through the processor (status {status})"

    async def close(self) -> None:
        """Close the connection to Envoy."""
        if self._session is not None:
            await self._session.close()
