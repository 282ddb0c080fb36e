"""How a changed configuration reaches the workers: by two files in the runtime folder, each replaced in one step.

The process that reads the operator's file (`app.reloading`) writes `config.json`, which holds what is in use, and `reload.json`, which says
how that stands to the operator's file. Every worker looks at both from time to time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from pydantic import ValidationError

from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.shell.journal import warn

Mark = tuple[int, int, int, int]
"""What changes when a file does: device, inode, time of change in ns, size."""


class Reloads(msgspec.Struct, frozen=True):
    """How often a changed file was looked at, and how the newest one stands."""

    results: Mapping[str, int] = {}
    """`applied`, `unchanged`, `invalid`, `restart` → how often."""
    pending: str = ""
    """Why the file as it is now is not in use: `invalid` or `restart`; empty where it is."""
    notice: str = ""
    """The same for people, with what is wrong; several lines."""


def mark(path: Path) -> Mark | None:
    """Give a file's mark; None where there is none. Links are followed: Kubernetes swaps the folder that a link leads to."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


class Follower:
    """Keeps one worker on the configuration in use."""

    def __init__(self, runtime: RuntimeDir, apply: Callable[[Config], None], told: Callable[[Reloads], None]) -> None:
        """Know nothing yet: what the worker was made of may have changed since.

        Args:
            runtime: where the files are.
            apply: takes a new configuration.
            told: takes how it stands to the operator's file.
        """
        self._runtime = runtime
        self._apply = apply
        self._told = told
        self._config: Mark | None = None
        self._reload: Mark | None = None

    def look(self) -> None:
        """See whether one of them has changed; some microseconds where none has."""
        if (now := mark(self._runtime.config)) != self._config and now is not None:
            self._config = now
            try:
                self._apply(Config.model_validate_json(self._runtime.config.read_bytes()))
            except (OSError, ValueError, ValidationError) as error:  # another release's; it does not say what is in it
                warn("config", f"the configuration in {self._runtime.root} cannot be used: {type(error).__name__}")
        if (now := mark(self._runtime.reload)) != self._reload and now is not None:
            self._reload = now
            self._told(read(self._runtime))


def read(runtime: RuntimeDir) -> Reloads:
    """Read how the configuration stands to the operator's file; as if nothing had happened where nobody has said."""
    try:
        return _DECODER.decode(runtime.reload.read_bytes())
    except (OSError, msgspec.DecodeError):
        return Reloads()


_DECODER = msgspec.json.Decoder(Reloads)
