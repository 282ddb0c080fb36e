"""A sidecar on the network: an Envoy elsewhere reaches it by mutual TLS, and carries on alone where either side is a stranger."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from tests.support.authority import Authority
from tests.support.envoy import KEYS, Envoy
from tests.support.pair import EASY, HARD, Pair, pair, question
from tests.support.system import ROOT, free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@dataclass(frozen=True)
class Remote:
    """The pair that serves others, too; and who signs for it."""

    pair: Pair
    port: int
    folder: Path
    authority: Authority
    stranger: Authority


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder = tmp_path_factory.mktemp("remote")
    authority, stranger = Authority(folder / "authority"), Authority(folder / "stranger")
    (port,) = free_ports(1)
    tls = authority.issue(folder / "server")
    with pair(folder, processor={"listen": f"127.0.0.1:{port}", "tls": tls}, workers=2) as both:
        yield Remote(both, port, folder, authority, stranger)


def elsewhere(folder: Path, remote: Remote, tls: dict[str, str], host: str = "localhost") -> Envoy:
    """Give an Envoy without a sidecar of its own, by the command that an operator would use."""
    models = json.loads(remote.pair.system.config.read_text())["models"]
    envoy = Envoy(folder, models, processor={"tls": tls})
    config = folder / "cascade.yaml"
    config.write_text(envoy.config.model_dump_json(by_alias=True, exclude_unset=True))
    argv = ["envoy-config", "--config", str(config), "--runtime-dir", str(envoy.runtime.root), "--output", str(envoy.runtime.bootstrap)]
    argv += ["--processor", f"{host}:{remote.port}"]
    environ = {**os.environ, **KEYS, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "extproc", *argv], check=True, env=environ, timeout=60)
    return envoy


def ask(envoy: Envoy, words: str = EASY, **more: Any) -> httpx.Response:
    body = question("/v1/messages", words, **more)
    return httpx.post(f"{envoy.url}/v1/messages", json=body, headers={"x-api-key": "client-key"}, timeout=30)


def outcome(envoy: Envoy) -> str | None:
    response = ask(envoy)
    assert response.status_code == 200
    return response.headers.get("x-cascade-outcome")


def handshake(remote: Remote, trusted: Path, shown: Path | None) -> dict[str, Any]:
    """Shake hands as a client, and give what the sidecar shows. SSLError where it does not want us."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.set_alpn_protocols(["h2"])
    if shown is not None:
        context.load_cert_chain(shown / "tls.pem", shown / "tls.key")
    with (
        socket.create_connection(("127.0.0.1", remote.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        if not secured.recv(9):  # whether our certificate will do is told with the first bytes (TLS 1.3)
            raise ssl.SSLError("closed")
        found: dict[str, Any] = secured.getpeercert() or {}
        return found


def test_a_cascade_by_mutual_tls(remote: Remote, tmp_path: Path):
    with elsewhere(tmp_path, remote, remote.authority.issue(tmp_path / "client")) as envoy:
        for words, stream, wanted in ((EASY, False, "SKIPPED"), (HARD, False, "ACCEPTED"), (HARD, True, "PENDING")):
            response = ask(envoy, words, stream=stream)
            assert (response.status_code, response.headers["x-cascade-outcome"]) == (200, wanted)
            record = remote.pair.record(response)
            assert record["outcome"] == {"PENDING": "ACCEPTED"}.get(wanted, wanted), "the remote Envoy's access log is heard, too"
        assert envoy.stat(r"cluster\.extproc\.ssl\.handshake") > 0
        assert envoy.stat(r"cluster\.extproc\.health_check\.failure") == 0
        assert envoy.stat(r"http\.client\.ext_proc\.failure_mode_allowed") == 0


def test_a_strangers_certificate_is_refused_until_it_is_replaced(remote: Remote, tmp_path: Path):
    tls = remote.stranger.issue(tmp_path / "client")
    Path(tls["ca_file"]).write_bytes(remote.authority.file.read_bytes())  # it believes the sidecar, but not the other way round
    with elsewhere(tmp_path, remote, tls) as envoy:
        assert [outcome(envoy) for _ in range(3)] == [None] * 3, "the verify model answers"
        remote.authority.issue(tmp_path / "client")
        until(lambda: outcome(envoy) == "SKIPPED")


def test_no_certificate_is_refused(remote: Remote, tmp_path: Path):
    envoy = elsewhere(tmp_path, remote, remote.authority.issue(tmp_path / "client"))
    bootstrap = YAML(typ="safe", pure=True).load(envoy.runtime.bootstrap)
    for cluster in bootstrap["static_resources"]["clusters"]:
        if cluster["name"] in {"extproc", "records"}:
            del cluster["transport_socket"]["typed_config"]["common_tls_context"]["tls_certificate_sds_secret_configs"]
    envoy.runtime.bootstrap.write_text(json.dumps(bootstrap))
    with envoy:
        assert [outcome(envoy) for _ in range(3)] == [None] * 3
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(remote, remote.authority.file, None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_sidecar_of_a_stranger_or_of_another_name_is_told_nothing(remote: Remote, tmp_path: Path, host: str):
    tls = remote.authority.issue(tmp_path / "client")
    if host == "localhost":
        Path(tls["ca_file"]).write_bytes(remote.stranger.file.read_bytes())
    with elsewhere(tmp_path, remote, tls, host) as envoy:
        assert [outcome(envoy) for _ in range(3)] == [None] * 3
        failed = r"cluster\.extproc\.ssl\.fail_verify_(error|san)"
        assert envoy.stat(failed) > 0


def test_the_sidecars_certificate_is_replaced_while_it_runs(remote: Remote, tmp_path: Path):
    remote.authority.issue(tmp_path / "client")
    before = handshake(remote, remote.authority.file, tmp_path / "client")["serialNumber"]
    key = remote.folder / "server/tls.key"
    good = key.read_bytes()
    key.write_bytes(b"no key")
    assert handshake(remote, remote.authority.file, tmp_path / "client")["serialNumber"] == before, "half a replacement is none"
    key.write_bytes(good)
    remote.authority.issue(remote.folder / "server")
    until(lambda: handshake(remote, remote.authority.file, tmp_path / "client")["serialNumber"] != before)
