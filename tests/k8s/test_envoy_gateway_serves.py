"""What Envoy Gateway makes of `k8s/envoy-gateway`, at work: its proxy is a real Envoy, the pair beside it as its pod has it."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from extproc.envoyconf.binary import envoy_binary
from extproc.simulator import Profile, Simulator
from tests.k8s.pod import Container, configuration
from tests.k8s.translated import HOST, Node, bootstrap, delivered, objections, translated, with_certificate
from tests.support.background import Background
from tests.support.system import ROOT, free_ports, until
from tools.k8s.check import rendered

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

KEY = "the-draft-key"
RUN = "/var/run/cascade-extproc"
HARD = "Design a lock-free queue and prove it."
BETWEEN = "Explain why the sky is blue, and compare it with the colour of sunsets."


@dataclass
class Proxy:
    """The running proxy with the pair beside it, and who is behind it."""

    client: httpx.Client
    containers: dict[str, Container]
    admin: str
    draft: Simulator
    verify: Simulator

    def ask(self, words: str, path: str = "/v1/messages", **more: Any) -> httpx.Response:
        body = {"model": "claude-opus-4-8", "max_tokens": 1024, "messages": [{"role": "user", "content": words}], **more}
        return self.client.post(path, json=body, headers={"x-api-key": "client-key", "x-cascade-target": "draft"})


def static(manifests: str, certificate: tuple[str, str], folder: Path, port: int, providers: dict[str, str]) -> Path:
    """Have the manifests translated, and give a bootstrap that listens on `port` and calls these providers, by host, in plain HTTP."""
    answer = translated(with_certificate(manifests, certificate), folder)
    assert objections(answer) == []
    made = bootstrap(answer, "cascade/llm", delivered(certificate))
    (listener,) = made["static_resources"]["listeners"]
    listener["address"] = address(port)
    for cluster in made["static_resources"]["clusters"]:
        for group in cluster["loadAssignment"]["endpoints"]:
            for one in group["lbEndpoints"]:
                host = one["endpoint"]["address"].get("socketAddress", {}).get("address")
                if host in providers:
                    one["endpoint"]["address"] = address(int(providers[host].rpartition(":")[2]))
                    del cluster["transportSocket"], cluster["transportSocketMatches"]
                    (options,) = cluster["typedExtensionProtocolOptions"].values()
                    options["explicitHttpConfig"] = {"httpProtocolOptions": options.pop("autoConfig")["httpProtocolOptions"]}
    file = folder / "proxy.json"
    file.write_text(json.dumps(made))
    return file


def address(port: int) -> Node:
    """Give an address of this machine."""
    return {"socketAddress": {"address": "127.0.0.1", "portValue": port}}


@pytest.fixture(scope="module")
def proxy(certificate: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    door, *ports = free_ports(4)
    with (
        Background(Simulator(Profile(name="draft", api_key=KEY))) as draft,
        Background(Simulator(Profile(name="verify", headers_s=0.02))) as verify,
    ):
        manifests = rendered(ROOT / "k8s/envoy-gateway")
        containers = pair(manifests, folder, configuration(ROOT / "k8s/config/cascade.yaml", ports, draft.url, verify.url), ports[1])
        # The simulator serves no path of DeepSeek's.
        manifests = manifests.replace(RUN, str(folder / "cascade-run")).replace("/anthropic/v1/messages", "/v1/messages")
        file = static(manifests, certificate, folder, door, {"api.deepseek.com": draft.url, "api.anthropic.com": verify.url})
        (folder / "ca.pem").write_text(certificate[0])
        argv = (str(envoy_binary()), "-c", str(file), "--disable-hot-restart", "-l", "warning", "--concurrency", "1")
        envoy = None
        try:
            containers[0].run()
            for one in containers[1:]:
                one.started()
            with (folder / "proxy.log").open("wb") as log:
                envoy = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
            with client_of(door, folder / "ca.pem") as client:
                until(lambda: probed(client) == 200, 30)
                yield Proxy(client, {one.name: one for one in containers}, f"http://127.0.0.1:{ports[1]}", draft, verify)
        finally:
            if envoy is not None:
                envoy.terminate()
                envoy.wait(30)
            for one in reversed(containers):
                if one.process is not None:
                    one.end()


def pair(manifests: str, folder: Path, config: str, admin: int) -> list[Container]:
    """Give the containers that the EnvoyProxy puts beside its proxy, with their volumes."""
    (spec,) = [one["spec"] for one in YAML(typ="safe").load_all(manifests) if one["kind"] == "EnvoyProxy"]
    given = spec["provider"]["kubernetes"]["envoyDeployment"]
    volumes = {volume["name"]: folder / volume["name"] for volume in given["pod"]["volumes"]}
    for volume in volumes.values():
        volume.mkdir()
    text = config.replace(RUN, str(volumes["cascade-run"])).replace("/var/run/secrets/cascade", str(volumes["cascade-keys"]))
    (volumes["cascade-config"] / "cascade.yaml").write_text(text)
    (volumes["cascade-keys"] / "draft").write_text(KEY)
    return [Container(one, volumes, f"127.0.0.1:{admin}", folder) for one in given["initContainers"]]


def client_of(port: int, authority: Path) -> httpx.Client:
    """Give a client that calls the Gateway by its own name, wherever it listens."""
    context = ssl.create_default_context(cafile=str(authority))
    client = httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=context, timeout=30, headers={"host": HOST})

    def named(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = HOST

    client.event_hooks["request"].append(named)
    return client


def probed(client: httpx.Client) -> int:
    """Give what the probe says; 0 where nobody answers."""
    try:
        return client.get("/.well-known/cascade-probe").status_code
    except httpx.TransportError:
        return 0


def outcome(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.headers.get("x-cascade-outcome")


def test_it_serves(proxy: Proxy):
    for words, wanted in (("Hello!", "SKIPPED"), (HARD, "DIRECT"), (BETWEEN, "ACCEPTED")):
        response = proxy.ask(words)
        assert outcome(response) == (200, wanted), response.headers
    streamed = proxy.ask(BETWEEN, stream=True)
    assert streamed.headers["x-cascade-outcome"] == "PENDING"
    assert "outcome=ACCEPTED" in streamed.text
    chat = proxy.ask(BETWEEN, "/v1/chat/completions")
    assert (chat.status_code, chat.json()["object"]) == (200, "chat.completion"), "translated"
    assert proxy.ask("x" * 5_000_000).status_code == 200, "a body far above Envoy Gateway's default of 32 KiB"
    assert proxy.ask("x" * 36_000_000).status_code == 413


def test_what_is_no_call_of_a_model_is_not_processed(proxy: Proxy):
    words = {"model": "m", "messages": [{"role": "user", "content": "Hello!"}]}
    counted = proxy.client.post("/v1/messages/count_tokens", json=words, headers={"x-api-key": "client-key"})
    assert outcome(counted) == (200, "BYPASSED")
    assert counted.json()["input_tokens"] > 0


def test_each_provider_gets_its_own_key_and_nothing_of_ours(proxy: Proxy):
    for words in ("Hello!", HARD, BETWEEN):
        proxy.ask(words)
    for provider, secret in ((proxy.draft, KEY), (proxy.verify, "client-key")):
        seen = [one.headers for one in provider.requests]
        assert {headers["x-api-key"] for headers in seen} == {secret}
        names = {name.lower() for headers in seen for name in headers}
        assert not [name for name in names if name.startswith(("x-cascade", "x-extproc", "x-envoy", "x-forwarded", "x-request-id"))]


def test_records_come_with_the_tokens_of_what_passes_through(proxy: Proxy):
    for words in ("Hello!", HARD):
        proxy.ask(words)
    known = until(lambda: recorded(proxy, "SKIPPED", "DIRECT"))
    for one in known.values():
        assert one["usage"]["output"] > 0
        assert one["path"] == "/v1/messages"


def recorded(proxy: Proxy, *outcomes: str) -> dict[str, Node]:
    """Give the sidecar's newest records of these outcomes when all are there, and nothing before."""
    listed: list[Node] = httpx.get(f"{proxy.admin}/api/decisions").json()["decisions"]
    found = {one["outcome"]: one for one in reversed(listed) if one["outcome"] in outcomes}
    return found if len(found) == len(outcomes) else {}


def test_the_pairs_envoy_dies(proxy: Proxy):
    proxy.containers["cascade-envoy"].end(signal.SIGKILL)
    assert outcome(proxy.ask("Hello!")) == (200, "SKIPPED"), "what passes through does not need it"
    failed = proxy.ask(BETWEEN)
    assert (outcome(failed), failed.json()["type"]) == ((502, "FAILED"), "error")
    proxy.containers["cascade-envoy"].started()
    assert outcome(proxy.ask(BETWEEN)) == (200, "ACCEPTED")


def test_the_sidecar_dies(proxy: Proxy):
    proxy.containers["cascade-extproc"].end(signal.SIGKILL)
    assert outcome(proxy.ask("Hello!")) == (200, None), "without the sidecar the verify model answers"
    assert proxy.verify.requests[-1].headers["x-api-key"] == "client-key"
    assert probed(proxy.client) == 503
    untranslated = proxy.ask("Hello!", "/v1/chat/completions")
    assert (untranslated.status_code, untranslated.json()["error"]["type"]) == (503, "server_error")
    proxy.containers["cascade-extproc"].started()
    until(lambda: probed(proxy.client) == 200)
    assert outcome(proxy.ask("Hello!")) == (200, "SKIPPED")
