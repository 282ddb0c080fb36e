"""A process in the tree of an image: as its user, with its environment, on a root that cannot be written to."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.image.build import Image

RUNTIME = "run/cascade-extproc"
"""Where /var/run/cascade-extproc lies in Debian's tree: /var/run is a link, which a mount from outside must not follow."""


class Confined:
    """Runs programs in an image as Kubernetes would: read-only, uid and gid 65532, a volume for the sockets, another for /tmp."""

    def __init__(self, image: Image, config: Mapping[str, Any], folder: Path) -> None:
        self._image = image
        self._mounts = {"tmp": folder / "tmp", RUNTIME: folder / "runtime", "etc/cascade": folder / "config"}
        for place in self._mounts.values():
            place.mkdir()
            place.chmod(0o777)  # as an emptyDir
        (folder / "config/cascade.yaml").write_text(json.dumps(config))
        self._log = folder / "log"

    def _argv(self, command: list[str]) -> list[str]:
        tree = shlex.quote(str(self._image.tree))
        volumes = [f"mount --bind {shlex.quote(str(source))} {tree}/{place}" for place, source in self._mounts.items()]
        user = shlex.quote(self._image.config["User"])
        environ: list[str] = self._image.config["Env"]
        script = [
            f"mount --bind {tree} {tree}",
            f"mount -o remount,bind,ro {tree}",
            *volumes,
            f"mount --rbind /dev {tree}/dev",
            f"mount --rbind /proc {tree}/proc",
            f"exec chroot --userspec={user} --groups= {tree} {shlex.join(['env', '-i', *environ, *command])}",
        ]
        return ["unshare", "--mount", "sh", "-euc", "\n".join(script)]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(self._argv(list(command)), capture_output=True, text=True, timeout=60, check=False)

    @contextmanager
    def started(self) -> Iterator[None]:
        """Run what the image runs; stopped by SIGTERM, which must end it with code 0."""
        with self._log.open("wb") as log:
            process = subprocess.Popen(self._argv(self._image.command()), stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        except BaseException as error:
            error.add_note(self.output())
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(40)
        assert code == 0, self.output()

    def output(self) -> str:
        """What it printed."""
        return self._log.read_text()
