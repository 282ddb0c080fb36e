"""The overlays for Envoy Gateway by its own translator: nothing is objected to, and ext_proc is where it belongs and nowhere else."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest

from extproc.config.endpoints import endpoints
from extproc.config.load import load
from extproc.config.model import Config
from extproc.config.runtime import DEFAULT, RuntimeDir
from extproc.core.vocabulary import PATHS, PROBE_PATH
from extproc.envoyconf.binary import envoy_binary
from tests.k8s.test_mistakes import of, planted
from tests.k8s.translated import Node, attached, bootstrap, delivered, differences, dumped, objections, translated, with_certificate
from tests.support.system import ROOT
from tools.k8s.check import rendered
from tools.k8s.mistakes import Layer, Mistake

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

K8S = ROOT / "k8s"
GATEWAY = "cascade/llm"


@pytest.fixture(scope="module")
def answer(certificate: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Node:
    return translated(with_certificate(rendered(K8S / "envoy-gateway"), certificate), tmp_path_factory.mktemp("translated"))


@pytest.fixture(scope="module")
def config() -> Config:
    """The overlay's own configuration."""
    return load(K8S / "config/cascade.yaml", {"POD_IP": "127.0.0.1"})


def test_it_is_as_in_our_own_bootstrap(answer: Node, config: Config):
    assert differences(answer, GATEWAY, config) == []


def test_providers_are_those_of_the_configuration(answer: Node, config: Config):
    routes = {
        route["name"]: route for one in dumped(answer, GATEWAY, "routeConfig") for host in one["virtualHosts"] for route in host["routes"]
    }
    for rule, role in ((1, "draft"), (2, "verify")):
        (wanted,) = [one.upstream for one in endpoints(config) if one.role == role]
        action = routes[f"httproute/cascade/llm/rule/{rule}/match/0/llm_example_com"]["route"]
        (cluster,) = [one for one in dumped(answer, GATEWAY, "cluster") if one["name"] == action["cluster"]]
        assert (action["hostRewriteLiteral"], action["timeout"]) == (wanted.authority, "0s")
        assert action.get("regexRewrite", {}).get("substitution", "/v1/messages") == wanted.path("/v1/messages")
        assert f'"address": "{wanted.host}", "portValue": {wanted.port}' in json.dumps(cluster)
        assert f'"exact": "{wanted.host}"' in json.dumps(cluster["transportSocketMatches"]), "its certificate is looked at"


@pytest.mark.parametrize("overlay", ["envoy-gateway", "envoy-gateway-front"])
def test_nothing_is_objected_to(overlay: str, certificate: tuple[str, str], tmp_path: Path):
    manifests = [rendered(K8S / overlay), *([rendered(K8S / "gateway")] if overlay.endswith("front") else [])]
    assert objections(translated(with_certificate("\n---\n".join(manifests), certificate), tmp_path)) == []


def test_ext_proc_is_on_for_calls_of_models_and_nowhere_else(answer: Node):
    hosts = [host for config in dumped(answer, GATEWAY, "routeConfig") for host in config["virtualHosts"]]
    names = {route["name"] for host in hosts for route in host["routes"]}
    on = attached(answer, GATEWAY)
    assert on == {name for name in names if name.startswith("httproute/cascade/llm/")}
    assert {name.partition("/match/")[0] for name in names - on} == {"httproute/cascade/rest/rule/0"}
    assert len(on) == 6
    front = [route["match"] for host in hosts for route in host["routes"] if route["name"] in on]
    assert {match["path"] for match in front} == {*PATHS, PROBE_PATH}


@pytest.mark.parametrize("mistake", of(Layer.TRANSLATOR))
def test_the_translator_refuses(mistake: Mistake, config: Config, certificate: tuple[str, str], tmp_path: Path):
    told = translated(with_certificate(planted(mistake), certificate), tmp_path)
    # egctl does not tell what became of patches, so what they are for is looked for.
    assert [*objections(told), *differences(told, GATEWAY, config)] != []


def test_without_its_route_nothing_is_attached(certificate: tuple[str, str], tmp_path: Path):
    """The silent bypass: no condition is false, and no request would be processed."""
    manifests = rendered(K8S / "envoy-gateway").replace("kind: HTTPRoute\n    name: llm\n", "kind: HTTPRoute\n    name: lm\n")
    # The patch would tell that there is no filter which it could patch.
    kept = [one for one in manifests.split("---\n") if "kind: EnvoyPatchPolicy" not in one]
    assert attached(translated(with_certificate("---\n".join(kept), certificate), tmp_path), GATEWAY) == set()


def test_envoy_takes_what_it_makes(answer: Node, certificate: tuple[str, str], tmp_path: Path):
    secret = RuntimeDir(tmp_path).secret("draft")  # Envoy looks for it
    secret.parent.mkdir()
    secret.write_text("resources: []")
    file = tmp_path / "envoy.json"
    made = json.dumps(bootstrap(copy.deepcopy(answer), GATEWAY, delivered(certificate)))
    file.write_text(made.replace(str(DEFAULT), str(tmp_path)))
    argv = (str(envoy_binary()), "--mode", "validate", "-c", str(file), "-l", "error")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
