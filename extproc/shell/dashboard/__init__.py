"""The live page for operators, and what it is fed with.

pages    the page itself: files that ship with the package, under a strict Content-Security-Policy
events   the stream that keeps it up to date (server-sent events)
static   HTML, CSS, JavaScript modules; no build step. `uPlot.*` is uPlot 1.6.32 (MIT, `uPlot.LICENSE`), as npm has it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from extproc.shell.dashboard.events import Events
from extproc.shell.dashboard.pages import add_pages
from extproc.shell.decisions import Reader


def add_dashboard(app: web.Application, reader: Reader, config: Mapping[str, Any]) -> None:
    """Add the page and its stream to the admin HTTP. `config` is the configuration without its secrets; it may change."""
    events = Events(reader, lambda: _about(config))
    add_pages(app)
    app.add_routes([web.get("/api/events", events.serve)])
    app.on_shutdown.append(events.close)


def _about(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says of the sidecar."""
    models = {
        role: {"model": model["model"], "dialect": model["dialect"], "priced": model["price_usd_per_mtok"] is not None}
        for role, model in config["models"].items()
    }
    return {"mode": config["mode"], "listen": config["listen"], "models": models, "trace_url": config["telemetry"]["trace_url"]}
