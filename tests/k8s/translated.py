"""What Envoy Gateway makes of manifests, by its own translator (egctl): its objections, and the configuration that its proxies get."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.k8s import programs

Node = dict[str, Any]

POLICIES = ("backends", "clientTrafficPolicies", "envoyExtensionPolicies", "envoyPatchPolicies", "httpRoutes")
"""Kinds that get a status when they are heard of; one without a status is aimed at nothing."""


def translated(manifests: str, folder: Path) -> Node:
    """Give all resources with their status, and `xds`: the configuration of each Gateway's proxies. AssertionError with what egctl says."""
    file = folder / "manifests.yaml"
    file.write_text(manifests)
    what = ("--from", "gateway-api", "--to", "gateway-api,xds", "--type", "all", "--add-missing-resources", "--output", "json")
    argv = (str(programs.egctl()), "x", "translate", *what, "--file", str(file))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer: Node = json.loads(done.stdout)
    return answer


def objections(answer: Node) -> list[str]:
    """Say which resources were not taken as they are, and why."""
    told = []
    for kind in POLICIES:
        for one in answer.get(kind, []):
            named = f"{one['kind']} {one['metadata']['name']}"
            conditions = list(_conditions(one.get("status", {})))
            told += [f"{named}: {each['reason']}: {each['message']}" for each in conditions if each["status"] != "True"]
            if not conditions:
                told.append(f"{named}: nobody looked at it")
    return told


def _conditions(value: Any) -> Iterator[Node]:
    if isinstance(value, list):
        for one in value:
            yield from _conditions(one)
    elif isinstance(value, dict):
        if "reason" in value and "status" in value:
            yield value
        else:
            yield from _conditions(list(value.values()))


def dumped(answer: Node, gateway: str, kind: str) -> list[Node]:
    """Give the resources of one kind: `listener`, `routeConfig`, `cluster` or `endpointConfig`."""
    found = []
    for dump in answer["xds"][gateway]["configs"]:
        for entries in dump.values():
            for entry in entries if isinstance(entries, list) else ():
                resource = entry.get("activeState", entry).get(kind)
                if resource is not None:
                    found.append({key: value for key, value in resource.items() if key != "@type"})
    return found
