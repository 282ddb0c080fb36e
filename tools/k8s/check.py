"""Checks everything that is deployed without a cluster, in seconds: `make k8s-check`.

Overlays rendered by kubectl, against the schemas of Kubernetes and of the CRDs; the Envoy bootstrap of every configuration in them,
against Envoy itself; the Dockerfile by hadolint, the image's pins, the alerts by promtool. Exit code 1, and a line for each problem.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from extproc.config.load import load
from extproc.config.problems import ConfigError
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import write_secrets
from extproc.envoyconf import to_yaml
from extproc.envoyconf.binary import envoy_binary
from tools.image.lock import unpinned
from tools.k8s import programs, schemas

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
_KEYS = "/var/run/secrets/cascade"
"""Where the manifests mount the providers' keys."""


def overlays() -> list[Path]:
    """Give the folders that `kubectl apply -k` takes."""
    return sorted(path.parent for path in K8S.glob("*/kustomization.yaml") if "kind: Kustomization" in path.read_text())


def rendered(overlay: Path) -> str:
    """Render an overlay. CalledProcessError where it cannot be."""
    argv = (str(programs.kubectl()), "kustomize", str(overlay))
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def conforms(manifests: str) -> str:
    """Say what the schemas have against manifests; empty where nothing."""
    return refused({"manifests": manifests}).get("manifests", "")


def refused(manifests: Mapping[str, str]) -> dict[str, str]:
    """Say what the schemas have against each of several manifests, by name; those that they take are left out."""
    place = schemas.folder() / "{{.ResourceKind}}{{.KindSuffix}}.json"
    with tempfile.TemporaryDirectory() as folder:  # all at once, for it is the schemas that take time to read
        for name, text in manifests.items():
            (Path(folder) / f"{name}.yaml").write_text(text)
        argv = (str(programs.kubeconform()), "-strict", "-output", "json", "-schema-location", str(place), folder)
        told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for one in json.loads(told).get("resources") or ():
        name = Path(one["filename"]).stem
        found[name] = f"{found.get(name, '')}{name}: {one['kind']} {one['name']}: {one['msg']}\n"
    return found


def envoy_takes(configuration: str) -> str:
    """Say what we or Envoy have against a configuration; empty where nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cascade.yaml").write_text(configuration.replace(_KEYS, name))
        (folder / "draft").write_text("a-key")
        try:
            config, runtime = load(folder / "cascade.yaml", {"POD_IP": "127.0.0.1"}), RuntimeDir(folder)
        except ConfigError as error:
            return str(error)
        write_secrets(config, runtime, {})  # Envoy looks for its files
        runtime.bootstrap.write_text(to_yaml(config, runtime))
        argv = (str(envoy_binary()), "--mode", "validate", "-c", str(runtime.bootstrap), "-l", "error")
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr if done.returncode else ""


def promtool_says(rules: Path) -> str:
    """Say what promtool has against a file of alerts; empty where nothing."""
    return _said("promtool", "check", "rules", rules)


def problems() -> Iterator[str]:
    """Give every problem, after a line on stdout for each thing that is looked at."""
    yaml = YAML(typ="safe")
    manifests = {overlay.name: rendered(overlay) for overlay in overlays()}
    print(f"k8s: schemas: {', '.join(manifests)}", flush=True)
    yield from refused(manifests).values()
    for name, text in manifests.items():
        for one in yaml.load_all(text):
            if one["kind"] == "ConfigMap" and "cascade.yaml" in one["data"]:
                print(f"k8s/{name}: envoy --mode validate", flush=True)
                yield envoy_takes(one["data"]["cascade.yaml"])
    yield from _others()


def _others() -> Iterator[str]:
    print("Dockerfile: hadolint, pins")
    yield _said(programs.hadolint(), "Dockerfile")
    yield "".join([f"not pinned: {one}; run `make image-lock`\n" for one in unpinned()])
    promtool = shutil.which("promtool")
    print(f"alerts: {'promtool' if promtool else 'NOT CHECKED, there is no promtool on PATH (Debian: prometheus)'}")
    if promtool:
        yield promtool_says(K8S / "observability/alerts.yaml")


def _said(*argv: Any) -> str:
    done = subprocess.run([str(one) for one in argv], cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))
    return done.stdout + done.stderr if done.returncode else ""


if __name__ == "__main__":
    _found = [problem for problem in problems() if problem]
    sys.exit("\n".join(_found) or 0)
