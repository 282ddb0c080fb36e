"""The manifests before a real API server: it takes all of them, injects the pair, and refuses to let anybody opt out."""

from __future__ import annotations

import json

import pytest

from tests.k8s.cluster import RESTRICTED, Cluster, created, pod
from tests.k8s.pod import documents, pod_spec
from tests.support.system import ROOT, until
from tools.k8s.check import overlays, rendered

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

K8S = ROOT / "k8s"
CORE = ("enforce", "gateway", "intercepted", "no-opting-out", "istio-sidecar", "observability", "sidecar", "team")
"""Overlays of Kubernetes' own kinds alone."""
FURTHER = ("envoy-gateway", "envoy-gateway-front", "istio", "istio-attach", "istio-egress", "kyverno", "monitoring")


@pytest.fixture(scope="module")
def enforced(cluster: Cluster) -> Cluster:
    """The policies and a team's namespace are in force."""
    for overlay in ("enforce", "team"):
        done = cluster.apply(rendered(K8S / overlay))
        assert done.returncode == 0, done.stderr
    until(lambda: created(cluster, pod()).returncode == 0, 60)
    until(lambda: created(cluster, pod(hostNetwork=True)).returncode != 0, 60)
    return cluster


@pytest.mark.parametrize("overlay", CORE)
def test_it_takes_every_overlay(cluster: Cluster, overlay: str):
    done = cluster.apply(rendered(K8S / overlay), "--dry-run=server")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("overlay", FURTHER)
def test_it_takes_every_overlay_of_further_kinds(extended: Cluster, overlay: str):
    done = extended.apply(rendered(K8S / overlay), "--dry-run=server")
    assert done.returncode == 0, done.stderr


def test_no_overlay_is_forgotten():
    assert {path.name for path in overlays()} == {*CORE, *FURTHER}


@pytest.mark.parametrize("labels", [None, {"a": "b"}])
def test_a_pod_comes_out_injected(enforced: Cluster, labels: dict[str, str] | None):
    it_comes_out_injected(enforced, "team-a", labels)


def test_a_pod_comes_out_injected_by_what_kyverno_would_do(cluster: Cluster):
    """Kyverno's policy has the API server's own mutations in it, so they are put before the API server."""
    (theirs,) = [one for one in documents(K8S / "kyverno/inject.yaml") if one["kind"] == "MutatingPolicy"]
    cluster.mutate("kyverno", {**theirs["spec"], "failurePolicy": "Fail"})
    until(lambda: "cascade-extproc" in created(cluster, pod("kyverno")).stdout, 60)
    it_comes_out_injected(cluster, "kyverno", None)


def it_comes_out_injected(cluster: Cluster, namespace: str, labels: dict[str, str] | None) -> None:
    own = {"name": "own", "image": "own:1", "securityContext": RESTRICTED}
    done = created(cluster, pod(namespace, initContainers=[own], labels=labels, env=[{"name": "MINE", "value": "1"}]))
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
    again = created(cluster, {key: made[key] for key in ("apiVersion", "kind", "metadata", "spec")})
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["spec"]["initContainers"] == inits, "created again it must stay as it is"


def test_a_namespace_without_the_label_is_left_alone(enforced: Cluster):
    assert "initContainers" not in json.loads(created(enforced, pod("default")).stdout)["spec"]


MISTAKES = {
    "the network of the node": pod(hostNetwork=True),
    "another sidecar by our name": pod(initContainers=[{"name": "cascade-extproc", "image": "mine:1", "securityContext": RESTRICTED}]),
    "a base URL that leads elsewhere": pod(env=[{"name": "ANTHROPIC_BASE_URL", "value": "https://api.anthropic.com"}]),
    "a base URL from somewhere": pod(env=[{"name": "OPENAI_BASE_URL", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]),
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


def test_the_pod_of_envoy_gateways_proxy_is_admitted(cluster: Cluster):
    """Envoy Gateway makes it from the EnvoyProxy, of whose containers no schema knows; here they are a pod."""
    (proxy,) = documents(K8S / "envoy-gateway/proxy.yaml")
    given = proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "proxies", "labels": labels}}
    assert cluster.apply(json.dumps(namespace)).returncode == 0
    made = pod("proxies", initContainers=given["initContainers"], volumes=given["pod"]["volumes"], labels=given["pod"]["labels"])
    made["spec"]["containers"][0] |= given["container"]
    done = created(cluster, made)
    assert done.returncode == 0, done.stderr
    (mount,) = json.loads(done.stdout)["spec"]["containers"][0]["volumeMounts"]
    sockets = [one["unix"]["path"] for each in documents(K8S / "envoy-gateway/processor.yaml") for one in each["spec"].get("endpoints", [])]
    assert {path.rpartition("/")[0] for path in sockets} == {mount["mountPath"]}
