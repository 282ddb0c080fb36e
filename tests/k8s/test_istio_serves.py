"""What istiod sends to an application's proxy, at work: a real Envoy, with the pair beside it as `k8s/istio-sidecar` has it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from extproc.config.endpoints import Upstream
from extproc.config.runtime import DEFAULT
from extproc.envoyconf import clusters
from extproc.envoyconf.binary import envoy_binary
from extproc.simulator import Profile, Simulator
from tests.k8s.cluster import Cluster
from tests.k8s.istiod import Istiod, proxy
from tests.k8s.pod import Container, configuration
from tests.k8s.sent import Sent, parsed, static
from tests.support.background import Background
from tests.support.system import ROOT, free_ports, until
from tools.k8s.check import rendered

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning"),  # istiod still sends such fields
]

K8S = ROOT / "k8s"
PROVIDER = "api.anthropic.com"
KEY = "the-draft-key"
HARD = "Design a lock-free queue and prove it."
BETWEEN = "Explain why the sky is blue, and compare it with the colour of sunsets."


@pytest.fixture(scope="module")
def sent(extended: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    done = extended.apply(rendered(K8S / "istio-attach"))
    assert done.returncode == 0, done.stderr
    with Istiod(extended, tmp_path_factory.mktemp("istiod")) as istiod:
        return istiod.sent(proxy("sidecar", "team-b", {"cascade-mesh": "attached"}))


@dataclass
class Mesh:
    """The application's client, the pair's containers, and who is behind them."""

    client: httpx.Client
    containers: dict[str, Container]
    admin: str
    draft: Simulator
    verify: Simulator

    def ask(self, words: str, path: str = "/v1/messages", host: str = PROVIDER, **more: Any) -> httpx.Response:
        body = {"model": "claude-opus-4-8", "max_tokens": 1024, "messages": [{"role": "user", "content": words}], **more}
        return self.client.post(path, json=body, headers={"host": host, "x-api-key": "client-key", "x-cascade-target": "draft"})

    def records(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.admin}/api/decisions").json()["decisions"]
        return found


def live(sent: Sent, port: int, run: Path, provider: str) -> bytes:
    """Give the proxy's listener of port 80, on this port, with the sockets in this folder; whoever is called is this provider."""
    (listener,) = [one for one in sent.inlined() if one.name == "0.0.0.0_80"]
    listener.bind_to_port = None
    listener.address.socket_address.address, listener.address.socket_address.port_value = "127.0.0.1", port
    ours = [one for one in sent.clusters if one.name in {"extproc", "records", "cascade-egress"}]
    for cluster in ours:
        pipe = cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.pipe
        pipe.path = pipe.path.replace(str(DEFAULT), str(run))
    called = [one.name for one in sent.clusters if one.name.startswith("outbound|80|") or one.name == "PassthroughCluster"]
    return static([listener], [*ours, *[parsed(clusters.host(name, Upstream.of(provider), "")) for name in called]], {})


@pytest.fixture
def mesh(sent: Sent, tmp_path: Path) -> Iterator[Mesh]:
    door, *ports = free_ports(4)
    (deployment,) = [one for one in YAML(typ="safe").load_all(rendered(K8S / "istio-sidecar")) if one["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    volumes = {volume["name"]: tmp_path / volume["name"] for volume in pod["volumes"]}
    for folder in volumes.values():
        folder.mkdir()
    admin = f"127.0.0.1:{ports[1]}"
    containers = [Container(one, volumes, admin, tmp_path) for one in pod["initContainers"]]
    with (
        Background(Simulator(Profile(name="draft", api_key=KEY))) as draft,
        Background(Simulator(Profile(name="verify", headers_s=0.02))) as verify,
        httpx.Client(base_url=f"http://127.0.0.1:{door}", timeout=30) as client,
    ):
        text = configuration(K8S / "config/cascade.yaml", ports, draft.url, verify.url)
        text = text.replace(str(DEFAULT), str(volumes["cascade-run"])).replace("/var/run/secrets/cascade", str(volumes["cascade-keys"]))
        (volumes["cascade-config"] / "cascade.yaml").write_text(text)
        (volumes["cascade-keys"] / "draft").write_text(KEY)
        file = tmp_path / "proxy.pb"
        file.write_bytes(live(sent, door, volumes["cascade-run"], verify.url))
        argv = (str(envoy_binary()), "-c", str(file), "--disable-hot-restart", "-l", "warning", "--concurrency", "1")
        with (tmp_path / "proxy.log").open("wb") as log:
            envoy = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)  # a mesh's proxy is there first
        try:
            yield Mesh(client, {one.name: one for one in containers}, f"http://{admin}", draft, verify)
        finally:
            envoy.terminate()
            envoy.wait(30)
            for one in reversed(containers):
                if one.process is not None:
                    one.end()


def outcome(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.headers.get("x-cascade-outcome")


def test_it_serves_and_survives(mesh: Mesh):
    """From the proxy's start, which is before the pair's."""
    until(lambda: answered(mesh), 30)
    assert outcome(mesh.ask("Hello!")) == (200, None), "until the pair is there the provider answers"
    first, *rest = mesh.containers.values()
    first.run()
    for one in rest:
        one.started()
    it_serves(mesh)
    it_leaves_others_alone(mesh)
    it_is_recorded(mesh)
    it_survives(mesh)


def it_serves(mesh: Mesh) -> None:
    for words, wanted in (("Hello!", "SKIPPED"), (HARD, "DIRECT"), (BETWEEN, "ACCEPTED")):
        response = mesh.ask(words)
        assert outcome(response) == (200, wanted), response.headers
    streamed = mesh.ask(BETWEEN, stream=True)
    assert streamed.headers["x-cascade-outcome"] == "PENDING"
    assert "outcome=ACCEPTED" in streamed.text
    assert mesh.ask("x" * 5_000_000).status_code == 200, "a body far above Envoy's usual 1 MiB"
    probe = mesh.client.post("/v1/messages?cascade-probe", headers={"host": PROVIDER})
    assert (probe.status_code, probe.text) == (200, "the processor is in the path\n")
    told = [str(one.headers) for one in mesh.draft.requests]
    assert told
    assert not any("client-key" in one or "x-envoy-" in one for one in told), "the client's key, or who it is"
    assert mesh.ask("x" * 34_000_000).status_code == 413


def it_leaves_others_alone(mesh: Mesh) -> None:
    seen = len(mesh.verify.requests)
    assert outcome(mesh.ask("Hello!", host="other.example")) == (200, None), "another host's calls are its own"
    assert outcome(mesh.ask("Hello!", "/v1/messages/count_tokens")) == (200, None)
    assert len(mesh.verify.requests) == seen + 2


def it_is_recorded(mesh: Mesh) -> None:
    until(lambda: {"SKIPPED", "DIRECT", "ACCEPTED", "BYPASSED"} <= {one["outcome"] for one in mesh.records()})
    until(lambda: {one["path"] for one in mesh.records()} == {"/v1/messages", "/v1/messages/count_tokens"})
    usage = {one["outcome"]: one["usage"] for one in mesh.records()}
    assert usage["ACCEPTED"]["output"] > 0
    assert usage["SKIPPED"] is usage["DIRECT"] is None, "Istio's Envoy does not read what it carries"


def it_survives(mesh: Mesh) -> None:
    mesh.containers["cascade-extproc"].end(signal.SIGKILL)
    assert outcome(mesh.ask("Hello!")) == (200, None), "without the sidecar the provider answers"
    mesh.containers["cascade-extproc"].started()
    until(lambda: outcome(mesh.ask("Hello!")) == (200, "SKIPPED"))
    mesh.containers["cascade-envoy"].end(signal.SIGKILL)
    assert outcome(mesh.ask(HARD)) == (200, "DIRECT"), "needs the pair's Envoy for nothing"
    assert outcome(mesh.ask("Hello!")) == (502, "FAILED")
    mesh.containers["cascade-envoy"].started()
    until(lambda: outcome(mesh.ask("Hello!")) == (200, "SKIPPED"))


def answered(mesh: Mesh) -> bool:
    try:
        return mesh.ask("Hello!").status_code == 200
    except httpx.TransportError:
        return False
