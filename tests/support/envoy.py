"""A real Envoy on a generated bootstrap, alone: nothing listens on the sidecar's sockets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from extproc.app.plant import plant
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import write_secrets
from extproc.envoyconf import to_yaml
from tests.support import system
from tests.support.system import free_ports, until

READY_S = 30
KEYS = {"DRAFT_KEY": "the-draft-key", "VERIFY_KEY": "the-verify-key"}


class Envoy:
    """`with` starts it in front of the given models and waits until it serves; afterwards it is gone, whatever happened."""

    def __init__(self, folder: Path, models: dict[str, Any], **more: Any) -> None:
        listen, admin = free_ports(2)
        self.port = listen
        self.url = f"http://127.0.0.1:{listen}"
        self.admin = f"http://127.0.0.1:{admin}"
        self.runtime = RuntimeDir(folder / "run")
        self.runtime.root.mkdir(mode=0o700)
        doors = {"listen": f"127.0.0.1:{listen}", "envoy_admin": f"127.0.0.1:{admin}"}
        spoken = {"transport": system.TRANSPORT} if system.TRANSPORT else {}
        self.config = Config.model_validate({"version": 1, **doors, **spoken, "models": models, **more})
        write_secrets(self.config, self.runtime, KEYS)
        self.runtime.bootstrap.write_text(to_yaml(self.config, self.runtime))
        self._log = folder / "envoy.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Envoy ends with the thread that started it (PR_SET_PDEATHSIG), so enter this in the main thread.
        program = plant(self.config, self.runtime, with_envoy=True).envoy
        assert program is not None
        with self._log.open("wb") as log:
            argv = [*program.argv, "--concurrency", "1"]
            process = self._process = subprocess.Popen(argv, env=program.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: process.poll() is not None or self._serves(), READY_S)
            assert process.poll() is None, f"it ended:\n{self.output()}"
        except AssertionError as error:
            self._stop()
            raise AssertionError(f"{error}\n{self.output()}") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        code = self._stop()
        assert code == 0, f"exit code {code}:\n{self.output()}"

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.admin}/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def output(self) -> str:
        """What it logged so far."""
        return self._log.read_text(errors="replace")[-8000:]

    def stat(self, name: str) -> int:
        """The sum of its counters and gauges whose whole names match a regular expression."""
        text = httpx.get(f"{self.admin}/stats", params={"filter": f"^{name}$"}).text
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if line)

    def egress(self) -> httpx.Client:
        """A client on the socket for the sidecar's own calls."""
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.runtime.egress)), base_url="http://egress", timeout=30)
