"""Istio's own injection, with the templates that it ships: its proxy and the pair meet in the pods of our overlays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from extproc.config.runtime import DEFAULT
from tests.k8s.cluster import Cluster
from tests.support.system import ROOT
from tools.k8s import programs
from tools.k8s.check import rendered

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PAIR = ["cascade-bootstrap", "cascade-extproc", "cascade-envoy"]
Pod = dict[str, Any]


@pytest.fixture(scope="module")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a plain installation."""
    folder = tmp_path_factory.mktemp("istio")
    made = subprocess.run((str(programs.istioctl()), "manifest", "generate"), capture_output=True, text=True, timeout=60, check=True)
    for one in YAML(typ="safe").load_all(made.stdout):
        if one and one["kind"] == "ConfigMap":
            for name, text in one["data"].items():
                (folder / f"{one['metadata']['name']}-{name}").write_text(text)
    return folder


def injected(overlay: str, cluster: Cluster, istio: Path) -> Pod:
    """Give the pod of an overlay's Deployment as Istio changes it."""
    file = istio / "manifests.yaml"
    file.write_text(rendered(ROOT / "k8s" / overlay))
    settings = {
        "kubeconfig": cluster.kubeconfig(),
        "injectConfigFile": istio / "istio-sidecar-injector-config",
        "valuesFile": istio / "istio-sidecar-injector-values",
        "meshConfigFile": istio / "istio-mesh",
        "filename": file,
    }
    argv = (str(programs.istioctl()), "kube-inject", *[f"--{name}={value}" for name, value in settings.items()])
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (deployment,) = [one for one in YAML(typ="safe").load_all(done.stdout) if one and one["kind"] == "Deployment"]
    pod: Pod = deployment["spec"]["template"]["spec"]
    return pod


def sees_the_sockets(proxy: Pod, pod: Pod) -> None:
    """One user, one volume, one path."""
    pair = [one for one in pod["initContainers"] if one["name"] in PAIR]
    assert {one["securityContext"]["runAsUser"] for one in (proxy, *pair)} == {1337}
    assert {"name": "cascade-run", "mountPath": str(DEFAULT)} in proxy["volumeMounts"]


def test_an_applications_pod(cluster: Cluster, istio: Path):
    pod = injected("istio-sidecar", cluster, istio)
    assert [one["name"] for one in pod["initContainers"]] == ["istio-init", "istio-proxy", *PAIR], "so it ends last"
    proxy = pod["initContainers"][1]
    assert proxy["restartPolicy"] == "Always"
    sees_the_sockets(proxy, pod)
    redirected = pod["initContainers"][0]["args"]
    assert redirected[redirected.index("-u") + 1] == "1337", "whose connections are left alone"
    assert "9464" in redirected[redirected.index("-d") + 1].split(","), "and the probes"


def test_a_gateways_pod(cluster: Cluster, istio: Path):
    pod = injected("istio-egress", cluster, istio)
    assert [one["name"] for one in pod["initContainers"]] == PAIR
    (proxy,) = pod["containers"]
    assert proxy["image"] != "auto"
    sees_the_sockets(proxy, pod)
