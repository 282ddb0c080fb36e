"""Records → metrics (`meters`), log lines and the decision log (`journal`)."""

from __future__ import annotations

from extproc.shell.journal import Journal
from extproc.shell.meters import Meters

__all__ = ["Journal", "Meters"]
