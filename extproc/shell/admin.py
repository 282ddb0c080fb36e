"""HTTP for operators: health, readiness, metrics, decisions, the configuration without its secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web

from extproc.report.figures import ENCODER
from extproc.shell.dashboard import add_dashboard
from extproc.shell.decisions import Reader
from extproc.shell.guard import by_its_own_name, guard
from extproc.shell.telemetry import Journal, Meters

_MOST_DECISIONS = 1000
_ID_DIGITS = 19
"""Of what SQLite counts to; a trace id has 32."""
_LONGEST_S = 315_360_000
"""Ten years."""

Probe = Callable[[], Awaitable[str]]


class Admin:
    """The admin HTTP server of one worker."""

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        meters: Meters,
        probe: Probe,
        config: Mapping[str, Any],
        budgets: Callable[[], Mapping[str, Any]] = dict,
        token: Callable[[], str] | None = None,
    ) -> None:
        """Serve nothing yet.

        Args:
            journal: knows the comparisons of mode `shadow`.
            reader: knows the decisions.
            meters: know the metrics.
            probe: says why Envoy does not route through us, or nothing.
            config: the configuration without its secrets.
            budgets: says what teams have spent today.
            token: gives what everybody but a probe must bring; None where nobody must.
        """
        self._journal = journal
        self._reader = reader
        self._meters = meters
        self._probe = probe
        self._config = dict(config)
        self._budgets = budgets
        self.notice = ""
        """What operators should know although requests are served, as lines of text."""
        app = web.Application(middlewares=[guard(token) if token else by_its_own_name])
        app.add_routes(self._routes())
        add_dashboard(app, reader, self._config)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        self._draining = False

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
            web.get("/api/decisions", self._decisions),
            web.get("/api/decisions/{key:[0-9a-f]{1,32}}", self._decision),
            web.get("/api/summary", self._summary),
            web.get("/api/shadow", self._shadow),
            web.get("/api/config", self._show_config),
            web.get("/api/budgets", self._show_budgets),
        ]

    async def start(self, address: str) -> None:
        """Listen. OSError where the address cannot be had."""
        host, _, port = address.rpartition(":")
        await self._runner.setup()
        await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()

    def show(self, config: Mapping[str, Any]) -> None:
        """Show another configuration from now on."""
        self._config.clear()
        self._config.update(config)

    def drain(self) -> None:
        """From now on say that we are not ready."""
        self._draining = True

    async def stop(self) -> None:
        """Close all connections."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = "draining" if self._draining else await self._probe()
        return web.Response(status=503 if reason else 200, text="".join(f"{line}\n" for line in (reason or "ready", self.notice) if line))

    async def _metrics(self, request: web.Request) -> web.Response:
        text, content_type = self._meters.exposition(request.headers.get("accept", ""))
        return web.Response(body=text, headers={"content-type": content_type})

    async def _decisions(self, request: web.Request) -> web.Response:
        limit = _number(request, "limit", 100, 1, _MOST_DECISIONS)
        return _json({"decisions": await asyncio.to_thread(self._reader.newest, limit)})

    async def _decision(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        is_number = key.isdecimal() and len(key) < _ID_DIGITS
        found = await (asyncio.to_thread(self._reader.numbered, int(key)) if is_number else asyncio.to_thread(self._reader.one, key))
        if found is None:
            raise web.HTTPNotFound(text='{"error":"no such decision, or not kept any more"}', content_type="application/json")
        return _json(found)

    async def _summary(self, request: web.Request) -> web.Response:
        since_s = _number(request, "since_s", None, 1, _LONGEST_S)
        return _json(await asyncio.to_thread(self._reader.summary, since_s))

    async def _shadow(self, request: web.Request) -> web.Response:
        return _json({"shadow": self._journal.compared(_number(request, "limit", 100, 1, _MOST_DECISIONS))})

    async def _show_config(self, _: web.Request) -> web.Response:
        return _json(self._config)

    async def _show_budgets(self, _: web.Request) -> web.Response:
        return _json(self._budgets())


_Default = TypeVar("_Default", int, None)


def _number(request: web.Request, name: str, default: _Default, least: int, most: int) -> int | _Default:
    """Read a whole number of the query; a 400 that says what was expected where it is none, or out of bounds."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 12 or not least <= int(text) <= most:
        told = {"error": f"{name}: expected a number from {least} to {most}"}
        raise web.HTTPBadRequest(text=ENCODER.encode(told).decode(), content_type="application/json")
    return int(text)


def _json(value: Any) -> web.Response:
    return web.Response(body=ENCODER.encode(value), content_type="application/json")
