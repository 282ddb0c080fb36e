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


@pytest.fixture
def proxy(certificate: tuple[str, str], tmp_path: Path) -> Iterator[Proxy]:
    door, *ports = free_ports(4)
    with (
        Background(Simulator(Profile(name="draft", api_key=KEY))) as draft,
        Background(Simulator(Profile(name="verify", headers_s=0.02))) as verify,
    ):
        providers = {"api.deepseek.com": draft.url, "api.anthropic.com": verify.url}
        manifests = rendered(ROOT / "k8s/envoy-gateway")
        (spec,) = [one["spec"] for one in YAML(typ="safe").load_all(manifests) if one["kind"] == "EnvoyProxy"]
        pod = spec["provider"]["kubernetes"]["envoyDeployment"]
        volumes = {volume["name"]: tmp_path / volume["name"] for volume in pod["pod"]["volumes"]}
        for folder in volumes.values():
            folder.mkdir()
        text = configuration(ROOT / "k8s/config/cascade.yaml", ports, draft.url, verify.url)
        text = text.replace(RUN, str(volumes["cascade-run"])).replace("/var/run/secrets/cascade", str(volumes["cascade-keys"]))
        (volumes["cascade-config"] / "cascade.yaml").write_text(text)
        (volumes["cascade-keys"] / "draft").write_text(KEY)
        admin = f"127.0.0.1:{ports[1]}"
        containers = [Container(one, volumes, admin, tmp_path) for one in pod["initContainers"]]
        # The simulator serves no path of DeepSeek's.
        manifests = manifests.replace(RUN, str(volumes["cascade-run"])).replace("/anthropic/v1/messages", "/v1/messages")
        file = static(manifests, certificate, tmp_path, door, providers)
        (tmp_path / "ca.pem").write_text(certificate[0])
        argv = (str(envoy_binary()), "-c", str(file), "--disable-hot-restart", "-l", "warning", "--concurrency", "1")
        envoy = None
        try:
            containers[0].run()
            for one in containers[1:]:
                one.started()
            with (tmp_path / "proxy.log").open("wb") as log:
                envoy = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
            with client_of(door, tmp_path / "ca.pem") as client:
                until(lambda: probed(client) == 200, 30)
                yield Proxy(client, {one.name: one for one in containers}, f"http://{admin}", draft, verify)
        finally:
            if envoy is not None:
                envoy.terminate()
                envoy.wait(30)
            for one in reversed(containers):
                if one.process is not None:
                    one.end()


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


def test_it_serves_and_survives(proxy: Proxy):
    for words, outcome in (("Hello!", "SKIPPED"), (HARD, "DIRECT"), (BETWEEN, "ACCEPTED")):
        response = proxy.ask(words)
        assert (response.status_code, response.headers["x-cascade-outcome"]) == (200, outcome), response.headers
    for provider, secret in ((proxy.draft, KEY), (proxy.verify, "client-key")):
        for told in [one.headers for one in provider.requests]:
            assert told["x-api-key"] == secret, "each provider gets its own key and no other"
            assert not [
                name for name in told if name.lower().startswith(("x-cascade", "x-extproc", "x-envoy", "x-forwarded", "x-request-id"))
            ]
    streamed = proxy.ask(BETWEEN, stream=True)
    assert streamed.headers["x-cascade-outcome"] == "PENDING"
    assert "outcome=ACCEPTED" in streamed.text
    chat = proxy.ask(BETWEEN, "/v1/chat/completions")
    assert (chat.status_code, chat.json()["object"]) == (200, "chat.completion"), "translated"
    counted = proxy.client.post("/v1/messages/count_tokens", json={"model": "m", "messages": [{"role": "user", "content": "Hello!"}]})
    assert (counted.json()["input_tokens"] > 0, counted.headers["x-cascade-outcome"]) == (True, "BYPASSED")
    assert proxy.ask("x" * 5_000_000).status_code == 200, "a body far above Envoy Gateway's default of 32 KiB"

    decisions = until(lambda: recorded(proxy, 5))
    by_outcome = {one["outcome"]: one for one in decisions}
    assert {"SKIPPED", "DIRECT", "ACCEPTED"} <= by_outcome.keys()
    for outcome in ("SKIPPED", "DIRECT"):
        assert by_outcome[outcome]["usage"]["output"] > 0, "tokens of what the proxy passes through are counted"

    proxy.containers["cascade-envoy"].end(signal.SIGKILL)
    assert proxy.ask("Hello!").headers["x-cascade-outcome"] == "SKIPPED", "what passes through does not need the pair's Envoy"
    failed = proxy.ask(BETWEEN)
    assert (failed.status_code, failed.headers["x-cascade-outcome"], failed.json()["type"]) == (502, "FAILED", "error")
    proxy.containers["cascade-envoy"].started()
    assert proxy.ask(BETWEEN).headers["x-cascade-outcome"] == "ACCEPTED"

    proxy.containers["cascade-extproc"].end(signal.SIGKILL)
    alone = proxy.ask("Hello!")
    assert (alone.status_code, alone.headers.get("x-cascade-outcome")) == (200, None), "without the sidecar the verify model answers"
    assert probed(proxy.client) == 503
    untranslated = proxy.ask("Hello!", "/v1/chat/completions")
    assert (untranslated.status_code, untranslated.json()["error"]["type"]) == (503, "server_error")
    proxy.containers["cascade-extproc"].started()
    until(lambda: probed(proxy.client) == 200)
    assert proxy.ask("Hello!").headers["x-cascade-outcome"] == "SKIPPED"


def recorded(proxy: Proxy, least: int) -> list[Node]:
    """Give the sidecar's records when there are as many as this, and nothing before."""
    found: list[Node] = httpx.get(f"{proxy.admin}/api/decisions").json()["decisions"]
    return found if len(found) >= least else []
