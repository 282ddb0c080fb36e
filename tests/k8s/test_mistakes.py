"""Planted mistakes: `make k8s-check` tells each of them, and tells nothing where there is none."""

from __future__ import annotations

import pytest

from tests.support.system import ROOT
from tools.k8s.check import conforms, envoy_takes, overlays, rendered

pytestmark = pytest.mark.k8s

MISTAKES = {
    # overlay, what stands there, what is put in its place
    "a misspelt key of a container": ("sidecar", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
    "a probe with an unknown key": ("sidecar", "failureThreshold:", "failureTreshold:"),
    "a port that is no number": ("sidecar", "containerPort: 9464", "containerPort: admin"),
    "an unknown kind of metric": ("gateway", "type: ContainerResource\n", "type: ContainerResources\n    wrong: 1\n"),
    "replicas in words": ("gateway", "minReplicas: 2", "minReplicas: two"),
    "a misspelt key of the budget": ("gateway", "maxUnavailable: 1\n  selector", "maxUnavailabel: 1\n  selector"),
    "a misspelt key of a NetworkPolicy": ("team", "policyTypes", "policyType"),
    "an unknown key of the policy": ("enforce", "reinvocationPolicy", "reinvokePolicy"),
    "an unknown key of Kyverno's policy": ("kyverno", "patchType", "patchKind"),
    "an unknown key of the PodMonitor": ("monitoring", "podMetricsEndpoints", "endpoints"),
    "an unknown mode of TLS": ("istio", "mode: SIMPLE", "mode: PLAIN"),
    "an unknown key of a VirtualService": ("istio", "retries:", "retry:"),
    "a port of a ServiceEntry without a number": ("istio", "number: 443", "nummer: 443"),
    "a duration that is none": ("envoy-gateway", "request: 0s", "request: never"),
    "an unknown kind of path match": ("envoy-gateway", "type: PathPrefix", "type: Prefix"),
    "an unknown API version": ("istio", "networking.istio.io/v1\n", "networking.istio.io/v2\n"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(name: str):
    overlay, right, wrong = MISTAKES[name]
    manifests = rendered(ROOT / "k8s" / overlay)
    assert right in manifests
    assert conforms(manifests.replace(right, wrong)) != ""


@pytest.mark.parametrize("overlay", [path.name for path in overlays()])
def test_nothing_is_told_of_what_is_right(overlay: str):
    assert conforms(rendered(ROOT / "k8s" / overlay)) == ""


def test_a_configuration_that_cannot_be_used_is_told():
    text = (ROOT / "k8s/config/cascade.yaml").read_text()
    assert envoy_takes(text) == ""
    assert "cascade.yaml:3: listen" in envoy_takes(text.replace("listen: 127.0.0.1:10000", "listen: not-an-address:10000"))
