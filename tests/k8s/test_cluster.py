"""The manifests before a real API server: it takes all of them, injects the pair, and refuses to let anybody opt out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.k8s.cluster import Cluster
from tests.k8s.pod import pod_spec
from tests.support.system import ROOT, until
from tools.k8s.check import overlays, rendered
from tools.k8s.schemas import definitions

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

K8S = ROOT / "k8s"
CORE = ("enforce", "gateway", "no-opting-out", "observability", "sidecar", "team")
"""Overlays of Kubernetes' own kinds alone."""
FURTHER = ("envoy-gateway", "istio", "kyverno", "monitoring")
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def enforced(cluster: Cluster) -> Cluster:
    """The policies and a team's namespace are in force."""
    for overlay in ("enforce", "team"):
        done = cluster.apply(rendered(K8S / overlay))
        assert done.returncode == 0, done.stderr
    until(lambda: created(cluster, pod()).returncode == 0, 60)
    until(lambda: created(cluster, pod(hostNetwork=True)).returncode != 0, 60)
    return cluster


def pod(*, env: list[dict[str, str]] | None = None, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "app:1", "securityContext": RESTRICTED, **({"env": env} if env else {})}
    metadata = {"name": "app", "namespace": "team-a", **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **more}}


def created(cluster: Cluster, made: dict[str, Any]) -> Any:
    return cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", manifests=json.dumps(made))


@pytest.mark.parametrize("overlay", CORE)
def test_it_takes_every_overlay(cluster: Cluster, overlay: str):
    manifests = rendered(K8S / overlay)
    for namespace in ("cascade", "team-a", "observability"):  # a dry run makes none
        cluster.kubectl("create", "namespace", namespace)
    done = cluster.apply(manifests, "--dry-run=server")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def extended(cluster: Cluster) -> Cluster:
    """The kinds of Istio, Gateway API, Kyverno and the Prometheus operator are known."""
    crds = list(definitions())
    done = cluster.apply("\n---\n".join([json.dumps(one) for one in crds]))
    assert done.returncode == 0, done.stderr
    names = [f"crd/{one['metadata']['name']}" for one in crds]
    done = cluster.kubectl("wait", "--for=condition=established", "--timeout=50s", *names)
    assert done.returncode == 0, done.stderr
    return cluster


@pytest.mark.parametrize("overlay", FURTHER)
def test_it_takes_every_overlay_of_further_kinds(extended: Cluster, overlay: str):
    for namespace in ("cascade", "istio-system", "monitoring"):
        extended.kubectl("create", "namespace", namespace)
    done = extended.apply(rendered(K8S / overlay), "--dry-run=server")
    assert done.returncode == 0, done.stderr


def test_no_overlay_is_forgotten():
    assert {path.name for path in overlays()} == {*CORE, *FURTHER}


@pytest.mark.parametrize("labels", [None, {"a": "b"}])
def test_a_pod_comes_out_injected(enforced: Cluster, labels: dict[str, str] | None):
    own = {"name": "own", "image": "own:1", "securityContext": RESTRICTED}
    done = created(enforced, pod(initContainers=[own], labels=labels, env=[{"name": "MINE", "value": "1"}]))
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    wanted = pod_spec(K8S / "pair/pair.yaml")
    inits = made["spec"]["initContainers"]
    assert [one["name"] for one in inits] == ["cascade-bootstrap", "cascade-extproc", "cascade-envoy", "own"]
    for container, manifest in zip(inits, wanted["initContainers"], strict=False):
        for key in ("image", "args", "securityContext", "volumeMounts", "resources"):
            assert container[key] == manifest[key], key
        assert container.get("restartPolicy") == manifest.get("restartPolicy")
    env = {one["name"]: one["value"] for one in made["spec"]["containers"][0]["env"]}
    assert env == {"MINE": "1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:10000", "OPENAI_BASE_URL": "http://127.0.0.1:10000/v1"}
    assert made["metadata"]["labels"]["cascade-extproc"] == "injected"
    again = created(enforced, {key: made[key] for key in ("apiVersion", "kind", "metadata", "spec")})
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["spec"]["initContainers"] == inits, "created again it must stay as it is"


def test_a_namespace_without_the_label_is_left_alone(enforced: Cluster):
    made = pod()
    made["metadata"]["namespace"] = "default"
    assert "initContainers" not in json.loads(created(enforced, made).stdout)["spec"]


MISTAKES = {
    "the network of the node": pod(hostNetwork=True),
    "another sidecar by our name": pod(initContainers=[{"name": "cascade-extproc", "image": "mine:1", "securityContext": RESTRICTED}]),
    "a base URL that leads elsewhere": pod(env=[{"name": "ANTHROPIC_BASE_URL", "value": "https://api.anthropic.com"}]),
    "a base URL from somewhere": pod(
        env=[{"name": "OPENAI_BASE_URL", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]  # type: ignore[dict-item]
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_opting_out_is_refused(enforced: Cluster, name: str):
    done = created(enforced, MISTAKES[name])
    assert done.returncode != 0
    assert "cascade-no-opting-out" in done.stderr or "violates PodSecurity" in done.stderr


def test_only_an_admin_of_ours_takes_the_label_off(enforced: Cluster):
    done = enforced.kubectl("label", "--dry-run=server", "namespace", "team-a", "cascade-extproc-")
    assert done.returncode != 0
    assert "cascade-label-stays" in done.stderr
    as_one = ("--as=admin", "--as-group=cascade:admins", "--as-group=system:masters")
    assert enforced.kubectl(*as_one, "label", "--dry-run=server", "namespace", "team-a", "cascade-extproc-").returncode == 0
