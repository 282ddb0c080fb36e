"""The pair of the manifests at work: each container a process of its own, started, probed, killed and stopped as a kubelet would."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.k8s.pod import Container, configuration, documents, pod_spec
from tests.support.background import Background
from tests.support.system import ROOT, free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

K8S = ROOT / "k8s"
KEY = "the-draft-key"
CONFIGS = {"sidecar": "config/cascade.yaml", "gateway": "gateway/cascade.yaml"}


@dataclass
class Pod:
    """The running containers, by their names, and what is around them."""

    containers: dict[str, Container]
    url: str
    keys: Path
    draft: Simulator

    def ask(self, words: str, **more: Any) -> httpx.Response:
        body = {"model": "claude-opus-4-8", "max_tokens": 1024, "messages": [{"role": "user", "content": words}], **more}
        return httpx.post(f"{self.url}/v1/messages", json=body, headers={"x-api-key": "client-key"}, timeout=30)


@pytest.fixture(params=["sidecar", "gateway"])
def pod(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pod]:
    """Start the pair as `k8s/pair` says it, with the configuration of the overlay."""
    ports = free_ports(3)
    spec = pod_spec(K8S / "pair/pair.yaml")
    volumes = {volume["name"]: tmp_path / volume["name"] for volume in spec["volumes"]}
    for folder in volumes.values():
        folder.mkdir()
    volumes["cascade-run"].chmod(0o777)
    (volumes["cascade-keys"] / "draft").write_text(KEY)
    with (
        Background(Simulator(Profile(name="draft", api_key=KEY))) as draft,
        Background(Simulator(Profile(name="verify", headers_s=0.02))) as verify,
    ):
        text = configuration(K8S / CONFIGS[request.param], ports, draft.url, verify.url)
        for mount, folder in (("/var/run/cascade-extproc", "cascade-run"), ("/var/run/secrets/cascade", "cascade-keys")):
            text = text.replace(mount, str(volumes[folder]))
        (volumes["cascade-config"] / "cascade.yaml").write_text(text)
        containers = [Container(one, volumes, f"127.0.0.1:{ports[1]}", tmp_path) for one in spec["initContainers"]]
        bootstrap, sidecar, envoy = containers
        try:
            bootstrap.run()
            sidecar.started()
            envoy.started()
            if request.param == "gateway":
                (main,) = pod_spec(K8S / "gateway/gateway.yaml")["containers"]
                main["args"][main["args"].index("--after-s") + 1] = "0.2"  # nobody routes to this one
                containers.append(Container(main, volumes, "", tmp_path))
                containers[-1].start()
                until(lambda: "waiting for SIGTERM" in containers[-1].output())
            yield Pod({one.name: one for one in containers}, f"http://127.0.0.1:{ports[0]}", volumes["cascade-keys"], draft)
        finally:
            for one in reversed(containers):
                if one.process is not None:
                    one.end()


def test_it_serves_and_survives(pod: Pod):
    for words, outcome in (("Hello!", "SKIPPED"), ("Design a lock-free queue and prove it.", "DIRECT")):
        response = pod.ask(words)
        assert (response.status_code, response.headers["x-cascade-outcome"]) == (200, outcome), response.headers
    held = pod.ask("Explain why the sky is blue, and compare it with the colour of sunsets.")
    assert (held.status_code, held.headers["x-cascade-outcome"]) == (200, "ACCEPTED"), held.headers

    sidecar, envoy = pod.containers["cascade-extproc"], pod.containers["cascade-envoy"]
    sidecar.end(signal.SIGKILL)
    alone = pod.ask("Hello!")
    assert (alone.status_code, alone.headers.get("x-cascade-outcome")) == (200, None), "without the sidecar the verify model answers"
    sidecar.started()
    until(lambda: envoy.passes("startupProbe"))
    assert pod.ask("Hello!").headers["x-cascade-outcome"] == "SKIPPED"

    envoy.end(signal.SIGKILL)
    with pytest.raises(httpx.ConnectError):
        pod.ask("Hello!")
    assert sidecar.passes("livenessProbe"), "the sidecar must not be restarted because Envoy is gone"
    envoy.started()
    assert pod.ask("Hello!").headers["x-cascade-outcome"] == "SKIPPED"


def test_a_key_that_is_replaced_reaches_the_provider(pod: Pod):
    assert pod.ask("Hello!").headers["x-cascade-outcome"] == "SKIPPED"
    (pod.keys / "draft").write_text("wrong")
    until(lambda: pod.ask("Hello!").headers["x-cascade-outcome"] == "RESCUED")
    secrets = [(path.stat().st_mode & 0o777, path.name) for path in pod.keys.parent.glob("cascade-run/secrets/*")]
    assert secrets == [(0o600, "draft.yaml")]


def test_it_stops_in_order(pod: Pod):
    order = [name for name in reversed(pod.containers) if name != "cascade-bootstrap"]
    answers: list[httpx.Response] = []
    words = "Design a lock-free queue and prove it, in many words."
    client = threading.Thread(target=lambda: answers.append(pod.ask(words, stream=True, max_tokens=400)))
    client.start()
    time.sleep(0.3)
    if "drain" not in order:
        client.join()  # an application ends before its sidecars do, and its requests with it
    codes = {name: pod.containers[name].end() for name in order}
    client.join()
    assert codes == dict.fromkeys(order, 0)
    assert answers[0].status_code == 200
    assert b"message_stop" in answers[0].content, "the stream was cut"


def test_probes_and_ports_are_those_of_the_configurations():
    for file in CONFIGS.values():
        (config,) = documents(K8S / file)
        assert config["admin"] == "${POD_IP}:9464"
        assert config["listen"].endswith(":10000")
    spec = pod_spec(K8S / "pair/pair.yaml")
    probes = [one[kind]["httpGet"]["port"] for one in spec["initContainers"] for kind in ("startupProbe", "livenessProbe") if kind in one]
    assert probes == [9464] * 3
