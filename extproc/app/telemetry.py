"""Configuration and environment → the exporter of one worker, where there is something to export."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import uuid4

from extproc.config.endpoints import endpoints
from extproc.config.model import Config
from extproc.config.otlp import export
from extproc.core.steps.tracing import Sampling
from extproc.shell.journal import warn
from extproc.shell.telemetry import Meters

if TYPE_CHECKING:
    from extproc.shell.otlp.exporter import Exporter


def exporter(config: Config, index: int, version: str, meters: Meters) -> tuple[Exporter | None, Sampling | None]:
    """Give the exporter and which requests it wants spans of; None for what is not wanted."""
    exported = export(config.telemetry.otlp_endpoint, os.environ)
    for problem in exported.problems if index == 0 else ():
        warn("telemetry_setting", problem)
    if exported.traces is None and exported.metrics is None:
        return None, None
    # Not before: a worker that exports nothing has no use for it.
    from extproc.shell.otlp.exporter import Exporter
    from extproc.shell.otlp.genai import servers

    identity = {"service.version": version, "service.instance.id": str(uuid4())}
    made = Exporter(exported, servers(endpoints(config)), identity, meters.untold, warn)
    return made, exported.sampling if exported.traces else None
