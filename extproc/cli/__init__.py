"""The command line. Each command is a file in this folder, imported only when it runs.

Exit codes: 0 done, 1 failed while running, 2 bad usage or bad configuration, 130 interrupted.
"""

from __future__ import annotations

from extproc.cli.frame import main

__all__ = ["main"]
