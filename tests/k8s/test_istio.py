"""A real istiod on the real API server: what it sends to proxies of the mesh has ext_proc where the overlays say, and nowhere else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.config.load import load
from extproc.config.runtime import DEFAULT, RuntimeDir
from extproc.core.vocabulary import PATHS
from extproc.envoyconf import bootstrap
from extproc.envoyconf.binary import envoy_binary
from extproc.envoyconf.parts import EXT_PROC
from extproc.envoyconf.typed import message
from tests.k8s.cluster import Cluster
from tests.k8s.istiod import Istiod, proxy
from tests.k8s.sent import Sent, managers, unpacked
from tests.support.system import ROOT, until
from tools.k8s import programs
from tools.k8s.check import conforms, rendered
from tools.k8s.mesh import provider_of

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning"),  # istiod still sends such fields
]

K8S = ROOT / "k8s"
ATTACH = "istio-attach"
APPLICATION = proxy("sidecar", "team-b", {"cascade-mesh": "attached"})
WITHOUT_PAIR = proxy("sidecar", "team-b", {"app": "other"})
GATEWAY = proxy("router", "cascade-egress", {"istio": "cascade-egress"})
OTHER_GATEWAY = proxy("router", "istio-system", {"istio": "ingressgateway"})
ON = {(f"{provider_of(dialect)}:80", f"{path} {name}") for path, dialect in PATHS.items() for name in ("held", "draft", "verify")}
"""Where ext_proc is switched on: virtual host and route."""


@pytest.fixture(scope="module")
def istiod(extended: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Istiod]:
    for overlay in (ATTACH, "istio-egress"):
        done = extended.apply(rendered(K8S / overlay))
        assert done.returncode == 0, done.stderr
    with Istiod(extended, tmp_path_factory.mktemp("istiod")) as running:
        yield running


def on(sent: Sent) -> set[tuple[str, str]]:
    """Give virtual hosts and routes; nothing may be switched on for more than a route."""
    found = sent.switched_on()
    assert all(host and route for _, host, route in found), found
    return {(host, route) for _, host, route in found}


def objections(sent: Sent, folder: Path) -> str:
    """Say what the real Envoy has against what a proxy is sent; empty where nothing."""
    file = folder / "proxy.pb"
    file.write_bytes(sent.bootstrap())
    argv = (str(envoy_binary()), "--mode", "validate", "-c", str(file), "-l", "error")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_an_applications_proxy_asks_about_calls_of_models_and_nothing_else(istiod: Istiod, tmp_path: Path):
    sent = istiod.sent(APPLICATION)
    assert {listener.name for listener in sent.listeners} > {"0.0.0.0_80", "virtualInbound", "virtualOutbound"}
    assert {name: len(filters) for name, filters in sent.attached().items()} == {"0.0.0.0_80": 1}
    assert on(sent) == ON
    hosts = {host.name: host for configuration in sent.configurations() for host in configuration.virtual_hosts}
    assert hosts.keys() > {"api.anthropic.com:80", "api.openai.com:80"}, "others there are, too"
    for name in ("api.anthropic.com:80", "api.openai.com:80"):
        assert EXT_PROC not in hosts[name].routes[-1].typed_per_filter_config, "behind ours stands the mesh's own route"
        assert hosts[name].request_body_buffer_limit == 33_554_432
    assert objections(sent, tmp_path) == ""
    sent.routes["80"].virtual_hosts.append(hosts["api.openai.com:80"])
    assert "api.openai.com" in objections(sent, tmp_path), "it would be told of what is wrong"


def test_the_egress_gateway_asks_about_the_same(istiod: Istiod, tmp_path: Path):
    sent = istiod.sent(GATEWAY)
    assert {name: len(filters) for name, filters in sent.attached().items()} == {"0.0.0.0_80": 1}
    assert on(sent) == ON
    assert objections(sent, tmp_path) == ""


@pytest.mark.parametrize("node", [WITHOUT_PAIR, OTHER_GATEWAY], ids=["application", "gateway"])
def test_proxies_without_the_pair_are_left_alone(istiod: Istiod, node: dict[str, Any]):
    sent = istiod.sent(node)
    assert (sent.attached(), on(sent)) == ({}, set())
    assert {"extproc", "records", "cascade-egress"}.isdisjoint(cluster.name for cluster in sent.clusters)


@pytest.mark.parametrize("node", [APPLICATION, GATEWAY], ids=["sidecar", "gateway"])
def test_it_asks_as_our_own_envoy_does(istiod: Istiod, node: dict[str, Any]):
    """The types of envoy-data-plane leave out the one setting that is newer than Istio's Envoy."""
    own = message(bootstrap(load(ROOT / "examples/cascade.yaml", {}), RuntimeDir(DEFAULT), environ={})).static_resources
    sent = istiod.sent(node)
    ((one,),) = sent.attached().values()
    (listener,) = [listener for listener in own.listeners if listener.name == "client"]
    (wanted,) = [one for manager in managers(listener) for one in manager.http_filters if one.name == EXT_PROC]
    assert (one.disabled, wanted.disabled) == (True, True)
    assert unpacked(one.typed_config) == unpacked(wanted.typed_config)
    for name in ("extproc", "records"):
        ours, theirs = ([cluster for cluster in clusters if cluster.name == name] for clusters in (own.clusters, sent.clusters))
        assert theirs == ours


@pytest.mark.parametrize("overlay", [ATTACH, "istio-egress"])
def test_nothing_is_used_that_istio_leaves_out_of_its_envoy(overlay: str):
    """Istio builds Envoy from a list of extensions of its own, and one that is not in it has the whole listener refused.

    https://github.com/istio/proxy/blob/master/bazel/extension_config/extensions_build_config.bzl
    """
    named = re.findall(r"@type'?: type.googleapis.com/(\S+)", rendered(K8S / overlay))
    assert {name.rpartition("extensions.")[2] for name in named} == {
        "access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
        "filters.http.ext_proc.v3.ExternalProcessor",
        "filters.http.ext_proc.v3.ExtProcPerRoute",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        "upstreams.http.v3.HttpProtocolOptions",
    }


def test_calls_leave_as_tls_with_the_name_verified(istiod: Istiod):
    clusters = {cluster.name: cluster for cluster in istiod.sent(APPLICATION).clusters}
    for host in ("api.anthropic.com", "api.openai.com"):
        cluster = clusters[f"outbound|80||{host}"]
        tls = unpacked(cluster.transport_socket.typed_config)
        validation = tls.common_tls_context.combined_validation_context.default_validation_context
        assert (tls.sni, [one.exact for one in validation.match_subject_alt_names]) == (host, [host])
        addresses = [one.endpoint.address.socket_address for group in cluster.load_assignment.endpoints for one in group.lb_endpoints]
        assert [(one.address, one.port_value) for one in addresses] == [(host, 443)]


def test_records_are_told_of_calls_to_providers(istiod: Istiod):
    for listener in istiod.sent(APPLICATION).listeners:
        for manager in managers(listener):
            logs = [one for one in manager.access_log if one.name == "envoy.access_loggers.http_grpc"]
            assert len(logs) == (listener.name == "0.0.0.0_80"), listener.name


MISPLACED: dict[str, tuple[str, str]] = {
    "another context": ("context: SIDECAR_OUTBOUND", "context: SIDECAR_INBOUND"),
    "an anchor filter that is not there": ("name: envoy.filters.http.router", "name: envoy.filters.http.routr"),
    "another port": ("portNumber: 80", "portNumber: 8080"),
    "another virtual host": ("name: api.anthropic.com:80", "name: api.anthropic.com:443"),
    "a label that no pod has": ("cascade-mesh: planted", "cascade-mesh: plantd"),
}
"""What everybody takes, and nothing, or not all, is attached: what stands in the overlay → what stands there instead."""


def planted(right: str = "", wrong: str = "") -> str:
    """Give the EnvoyFilter for a namespace of its own, with a mistake in it."""
    text = rendered(K8S / ATTACH)
    (one,) = [one for one in text.split("---\n") if "kind: EnvoyFilter" in one]
    one = one.replace("namespace: istio-system", "namespace: planted").replace("cascade-mesh: attached", "cascade-mesh: planted")
    assert right in one
    return one.replace(right, wrong) if right else one


def seen(sent: Sent) -> tuple[dict[str, list[bytes]], set[tuple[str, str]]]:
    """Where it is attached, with its settings, and where it is switched on."""
    return {name: [bytes(one) for one in filters] for name, filters in sent.attached().items()}, on(sent)


@pytest.fixture
def after(extended: Cluster, istiod: Istiod) -> Callable[[str], Sent]:
    """Give what the proxy of a pod is sent once a mistake is in force in its namespace, where before all was as it should be."""
    node = proxy("sidecar", "planted", {"cascade-mesh": "planted"})
    extended.kubectl("create", "namespace", "planted")

    def applied(manifests: str, differs_from: Any) -> Sent:
        done = extended.apply(manifests)
        assert done.returncode == 0, done.stderr
        until(lambda: seen(istiod.sent(node)) != differs_from, 30)
        return istiod.sent(node)

    def mistaken(manifests: str) -> Sent:
        extended.kubectl("delete", "--namespace", "planted", "envoyfilter", "--all")
        until(lambda: seen(istiod.sent(node)) == ({}, set()), 30)
        right = applied(planted(), ({}, set()))
        assert (len(right.attached()), on(right)) == (1, ON)
        return applied(manifests, seen(right))

    return mistaken


def told(manifests: str, folder: Path) -> tuple[int, str]:
    """Give the exit code of `istioctl validate`, and what it says."""
    file = folder / "planted.yaml"
    file.write_text(manifests)
    argv = (str(programs.istioctl()), "validate", "-f", str(file))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", MISPLACED)
def test_what_fits_nothing_shows_only_in_what_istiod_sends(name: str, after: Callable[[str], Sent], tmp_path: Path):
    manifests = planted(*MISPLACED[name])
    assert conforms(manifests) == ""
    assert told(manifests, tmp_path) == told(planted(), tmp_path)
    sent = after(manifests)
    assert not sent.attached() or on(sent) != ON


def test_a_misspelt_setting_is_a_warning_of_istioctl_and_istiod_drops_it(after: Callable[[str], Sent], tmp_path: Path):
    manifests = planted("failure_mode_allow: true", "failure_mode_alow: true")
    assert conforms(manifests) == ""
    code, said = told(manifests, tmp_path)
    assert code == 0
    assert 'unknown field "failure_mode_alow"' in said
    ((one,),) = after(manifests).attached().values()
    assert unpacked(one.typed_config).failure_mode_allow is False, "it fails closed"


@pytest.mark.parametrize("right", ["context: SIDECAR_OUTBOUND", "operation: INSERT_BEFORE", "applyTo: HTTP_FILTER"])
def test_an_unknown_word_is_refused_by_the_schema_and_the_api_server(right: str, extended: Cluster):
    manifests = planted(right, f"{right}S")
    assert conforms(manifests) != ""
    assert extended.apply(manifests, "--dry-run=server").returncode != 0
