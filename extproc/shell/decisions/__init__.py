"""The decisions of the last days: every record, in one SQLite file that all workers of a plant share and that outlives them.

store    one writer thread per worker, behind a bounded queue: a request never waits for it, and what cannot be written is counted
table    the form of the file
reading  what the admin pages and `extproc report` ask of it
"""

from __future__ import annotations

from extproc.shell.decisions.reading import Reader
from extproc.shell.decisions.store import Bounds, Decisions

__all__ = ["Bounds", "Decisions", "Reader"]
