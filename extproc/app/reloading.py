"""Watches the operator's configuration file, and brings what can be had of a change to the workers.

A file is applied as a whole or not at all: if any of it needs a restart, all of it waits for that. One that is wrong changes nothing. The
file is looked at by its mark twice a second, rather than by inotify: that works on every file system and for every way in which files are
replaced (editors, ConfigMaps), and costs some microseconds.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from extproc.app.reloads import Mark, Reloads, mark, read
from extproc.app.restart import restart_keys
from extproc.config.load import load
from extproc.config.model import Config
from extproc.config.problems import ConfigError
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import config_hash, write_private, write_secrets
from extproc.config.usable import check_usable
from extproc.envoyconf import untyped

_EVERY_S = 0.5
_SECRETS_EVERY = 4
"""Key files are looked at every so many looks at the configuration."""

Tell = Callable[[str], None]


class FileWatch:
    """Says when a file has another content than before. A change counts when the file has come to rest: nobody wants half of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: Mark | None = None
        self._moving = True
        self._seen = b""

    def changed(self, *, at_once: bool = False) -> bool:
        """Look. The first look finds the content new. `at_once`: do not wait for rest."""
        now = mark(self._path)
        rests, self._mark = now == self._mark, now
        self._moving = self._moving or not rests
        if not (at_once or (self._moving and rests)):
            return False
        self._moving = False
        content = b"gone"
        with suppress(OSError):
            content = sha256(self._path.read_bytes()).digest()
        new, self._seen = content != self._seen, content
        return new


class Reloader:
    """Keeps the configuration in use, and the secrets that it names, up to date."""

    def __init__(self, config: Config, runtime: RuntimeDir, environ: Mapping[str, str], tell: Tell) -> None:
        """Begin with what is in use.

        Args:
            config: what is in use; one that is not from a file is not watched.
            runtime: where the workers and Envoy read.
            environ: the environment that the file's variables and keys are taken from.
            tell: takes what the operator should know, a line each.
        """
        self.config = config
        self._started = config
        self._runtime = runtime
        self._environ = environ
        self._tell = tell
        self._path = Path(config.source.file) if config.source.file else None
        self._watch = FileWatch(self._path) if self._path else None
        self._results = dict(read(runtime).results)
        self._first = True
        self._wake = asyncio.Event()
        self._terminal = _on_terminal()
        self._told_of_keys = ""

    async def run(self) -> None:
        """Watch until cancelled. SIGHUP has the file read at once."""
        loop = asyncio.get_running_loop()
        self._say(Reloads(self._results))
        if self._watch:
            loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        looks = 0
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _EVERY_S)
            asked = self._wake.is_set()
            self._wake.clear()
            try:
                await self.look(asked=asked)
            except Exception as error:  # whatever is wrong with it, what is in use goes on, and the next file is looked at
                self._refused("invalid", "the configuration file cannot be used", f"{self._path}: {type(error).__name__}")
            looks += 1
            if looks % _SECRETS_EVERY == 0:
                self._freshen_secrets()

    def _hung_up(self) -> None:
        if self._terminal and not _on_terminal():
            os.kill(os.getpid(), signal.SIGTERM)  # nobody wants a new configuration: the terminal that we ran in is gone
        else:
            self._wake.set()

    async def look(self, *, asked: bool = False) -> None:
        """See whether the file has changed, and do what is to be done; `asked`: somebody wants to know now."""
        if self._path is None or self._watch is None or not (self._watch.changed(at_once=asked) or asked):
            return
        first, self._first = self._first, False
        try:
            wanted, waiting = await asyncio.to_thread(self._read, self._path)
        except ConfigError as error:
            self._refused("invalid", "the configuration file cannot be used", str(error))
            return
        if waiting:
            self._refused("restart", "the configuration file takes effect after a restart", waiting)
        elif wanted != self.config:
            self._adopt(wanted)
        elif not first or asked:
            self._done("unchanged", f"{self._path}: says what is in use already (hash {config_hash(wanted)})")

    def _read(self, path: Path) -> tuple[Config, str]:
        """Read the file; give what it says, and a line for each part of it that needs a restart."""
        wanted = load(path, self._environ)
        check_usable(wanted, self._environ)
        keys = restart_keys(self._started, wanted, lambda config: untyped(config, self._runtime, environ=self._environ))
        return wanted, "\n".join(str(wanted.source.problem(key, "takes effect after a restart")) for key in keys)

    def _adopt(self, wanted: Config) -> None:
        try:
            write_private(self._runtime.config, wanted.model_dump_json(by_alias=True).encode())
        except OSError as error:
            self._refused("invalid", "the configuration cannot be handed on", f"{self._runtime.config}: {error.strerror}")
            return
        self.config = wanted
        self._freshen_secrets()
        self._done("applied", f"{self._path}: in use for new requests (hash {config_hash(wanted)})")

    def _done(self, result: str, line: str) -> None:
        self._results[result] = self._results.get(result, 0) + 1
        self._tell(line)
        self._say(Reloads(self._results))

    def _refused(self, why: str, told: str, problems: str) -> None:
        """Stay with what is in use, and say why."""
        self._results[why] = self._results.get(why, 0) + 1
        notice = f"{told}; in use is still the one before it (hash {config_hash(self.config)}):\n{problems}"
        for line in notice.splitlines():
            self._tell(line)
        self._say(Reloads(self._results, why, notice))

    def _say(self, told: Reloads) -> None:
        with suppress(OSError):  # the next time will do; it is in the log as well
            write_private(self._runtime.reload, msgspec.json.encode(told))

    def _freshen_secrets(self) -> None:
        """Hand changed keys on to Envoy, which reads its own copies again by itself."""
        try:
            changed = write_secrets(self.config, self._runtime, self._environ)
        except (ConfigError, OSError) as error:  # the old key stays in use; the operator is told once
            if str(error) != self._told_of_keys:
                self._told_of_keys = str(error)
                self._tell(f"keys are not up to date: {self._told_of_keys}")
            return
        self._told_of_keys = ""
        for cluster in changed:
            self._tell(f"the key of {cluster} has changed")


def _on_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
