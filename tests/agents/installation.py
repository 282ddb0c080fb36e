"""Where the agents are: installed from npm once, at the versions of `package.json`, into a cache outside of the tree.

`python -m tests.agents.installation` installs them and tells what it does; the tests then find them.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

_LIST = Path(__file__).with_name("package.json")
_FLAGS = ("--ignore-scripts", "--no-fund", "--no-audit", "--no-update-notifier", "--no-package-lock", "--loglevel=error")
"""Scripts are not needed: all agents are run by their own binaries, or by the Node that comes with them."""
_PATIENCE_S = 900


class AbsentError(RuntimeError):
    """The agents cannot be had."""


def home() -> Path:
    """Name the folder of these versions; it need not exist."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    versions = sha256(_LIST.read_bytes()).hexdigest()[:12]
    return cache / "cascade-extproc" / "agents" / versions


def modules() -> Path:
    """Give the folder that holds the packages. AbsentError where they are not installed."""
    found = home() / "node_modules"
    if not found.exists():
        raise AbsentError("the agents are not installed: make test-agents installs them")
    return found


def install() -> Path:
    """Install them where they are not, and give the folder that holds the packages. AbsentError with the reason where that fails."""
    target = home()
    with _alone(target.parent):
        if target.exists():
            return modules()
        npm = shutil.which("npm")
        if npm is None:
            raise AbsentError("npm is not on PATH; Debian: apt-get install npm")
        _say(f"installing the agents into {target} (once, 1.1 GB, one to three minutes)")
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        shutil.copy(_LIST, partial)
        try:
            subprocess.run([npm, "install", *_FLAGS], cwd=partial, check=True, timeout=_PATIENCE_S)
        except (subprocess.SubprocessError, OSError) as error:
            raise AbsentError(f"npm could not install the agents: {error}") from None
        partial.rename(target)
    return modules()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from installing at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def machine() -> str:
    """Name this machine as npm's packages do."""
    return {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """Install the agents; the exit code says whether they are there."""
    try:
        _say(f"the agents are in {install()}")
    except AbsentError as absent:
        _say(str(absent))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
