"""One API server for all tests that need one: what they apply for good differs by name or namespace."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.k8s.cluster import Cluster
from tests.k8s.translated import HOST
from tools.k8s.schemas import definitions


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        for namespace in ("cascade", "cascade-egress", "team-a", "observability", "istio-system", "monitoring"):  # a dry run makes none
            running.kubectl("create", "namespace", namespace)
        yield running


@pytest.fixture(scope="session")
def extended(cluster: Cluster) -> Cluster:
    """The kinds of Istio, Gateway API, Envoy Gateway, Kyverno and the Prometheus operator are known."""
    crds = list(definitions())
    done = cluster.apply("\n---\n".join([json.dumps(one) for one in crds]))
    assert done.returncode == 0, done.stderr
    names = [f"crd/{one['metadata']['name']}" for one in crds]
    done = cluster.kubectl("wait", "--for=condition=established", "--timeout=50s", *names)
    assert done.returncode == 0, done.stderr
    return cluster


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Certificate and key of the Gateway, signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    what = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")
    subprocess.run(("openssl", "req", *what, "-keyout", "k", "-out", "c"), cwd=folder, check=True, capture_output=True)
    return (folder / "c").read_text(), (folder / "k").read_text()
