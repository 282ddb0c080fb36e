"""A pod's containers as processes of this machine: commands, environment, mounts, order and probes are those of the manifest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from extproc.envoyconf.binary import envoy_binary
from tests.support.system import ROOT, until

ENTRYPOINT = [sys.executable, "-m", "extproc"]
"""What `extproc`, the image's entry point, is here."""
IMAGE_ENVIRON = {"CASCADE_CONFIG": "/etc/cascade/cascade.yaml"}
"""The image's own environment, as far as it matters here (Dockerfile)."""


def documents(path: Path) -> list[dict[str, Any]]:
    """Read a file of YAML documents."""
    return [one for one in YAML(typ="safe").load_all(path.read_text()) if one]


def pod_spec(path: Path) -> dict[str, Any]:
    """Give the pod of the Deployment in a file."""
    (deployment,) = (one for one in documents(path) if one["kind"] == "Deployment")
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def configuration(file: Path, addresses: list[int], draft: str, verify: str) -> str:
    """Give the manifest's configuration, with this machine's free ports and the simulated providers in it."""
    text = file.read_text()
    listen, admin, envoy_admin = addresses
    for old, new in (
        (":10000", f":{listen}"),
        (":9464", f":{admin}\nenvoy_admin: 127.0.0.1:{envoy_admin}"),
        ("https://api.deepseek.com/anthropic", draft),
        ("https://api.anthropic.com", verify),
        ("drain_s: 300", "drain_s: 20"),
    ):
        text = text.replace(old, new)
    return text


class Container:
    """One container; volumes are folders, of which it sees those that it mounts, by the path that the manifest says."""

    def __init__(self, spec: dict[str, Any], volumes: dict[str, Path], address: str, folder: Path) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self._mounts = {mount["mountPath"]: str(volumes[mount["name"]]) for mount in spec["volumeMounts"]}
        self._address = address
        self._log = folder / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def _here(self, text: str) -> str:
        for path, folder in self._mounts.items():
            text = text.replace(path, folder)
        return text

    def _argv(self) -> list[str]:
        command = [str(envoy_binary())] if self.spec.get("command") == ["envoy"] else ENTRYPOINT
        return [*command, *[self._here(one) for one in self.spec["args"]]]

    def _environ(self) -> dict[str, str]:
        told = {one["name"]: one.get("value", "127.0.0.1") for one in self.spec.get("env", [])}  # the pod's address
        image = {name: self._here(value) for name, value in IMAGE_ENVIRON.items()}
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **image, **told}

    def start(self) -> None:
        """Start it, as the kubelet does at first and whenever it has ended."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._argv(), env=self._environ(), stdout=log, stderr=subprocess.STDOUT, cwd="/")

    def run(self) -> None:
        """Run it to its end; it must succeed."""
        self.start()
        assert self.process is not None
        assert self.process.wait(60) == 0, self.output()

    def passes(self, probe: str) -> bool:
        """Whether it passes one of its probes."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended:\n{self.output()}"
        try:
            return httpx.get(f"http://{self._address}{self.spec[probe]['httpGet']['path']}", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def started(self) -> None:
        """Start it and wait for its startup probe."""
        self.start()
        until(lambda: self.passes("startupProbe"), 60)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it and give its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} does not end:\n{self.output()}") from None

    def output(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace")[-6000:]
