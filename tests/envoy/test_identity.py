"""Who clients are, as another real Envoy before ours has verified it: by their certificate (mTLS) and by a token (JWT)."""

from __future__ import annotations

import hmac
import json
import ssl
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.envoyconf.binary import envoy_binary
from tests.support.pair import EASY, Pair, newest, pair, question
from tests.support.system import free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
SECRET = b"a secret that issuer and mesh share"
POLICIES = [
    {"name": "agents", "match": {"namespace": "team-a", "service_account": "agent*"}, "set": {"plan": "direct"}},
    {"name": "engineers", "match": {"jwt": {"group": "eng", "email": "*@example.com"}}, "set": {"plan": "direct"}},
]


def encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def token(secret: bytes = SECRET, **claims: Any) -> str:
    told = {"iss": "issuer", "exp": 4_000_000_000, "group": "eng", "email": "a@example.com", **claims}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT", "kid": "k"}, told))
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def certified(folder: Path) -> None:
    """Make an authority, a certificate for the door, and some for workloads."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=mesh", "-days", "2")
    names = {
        "door": "DNS:localhost",
        "agent": "URI:spiffe://mesh/ns/team-a/sa/agent-7",
        "other": "URI:spiffe://mesh/ns/team-b/sa/agent-7",
        "plain": "DNS:plain",
    }
    for name, alternative in names.items():
        # A subject that tries to look like the certificate of an agent.
        subject = "/O=a,URI=spiffe:\\/\\/mesh\\/ns\\/team-a\\/sa\\/agent/CN=x"
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", "asked", "-subj", subject)
        (folder / "names").write_text(f"subjectAltName={alternative}\n")
        openssl(
            "x509", "-req", "-in", "asked", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "names", "-out", f"{name}.pem", "-days", "1"
        )


def filters() -> list[dict[str, Any]]:
    key = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "k", "k": encoded(SECRET)}]})
    provider = {
        "issuer": "issuer",
        "local_jwks": {"inline_string": key},
        "from_headers": [{"name": "x-token"}],
        "forward_payload_header": "x-jwt",
    }
    needed = {"requires_any": {"requirements": [{"provider_name": "p"}, {"allow_missing_or_failed": {}}]}}
    verified = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"p": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": needed}],
    }
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    return [{"name": "jwt", "typed_config": verified}, {"name": "router", "typed_config": router}]


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def bootstrap(folder: Path, door: int, admin: int, behind: int) -> dict[str, Any]:
    files = {"certificate_chain": {"filename": str(folder / "door.pem")}, "private_key": {"filename": str(folder / "door.key")}}
    tls = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {"tls_certificates": [files], "validation_context": {"trusted_ca": {"filename": str(folder / "ca.pem")}}},
    }
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True, "subject": True},
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "us"}}]}]
        },
        "http_filters": filters(),
    }
    chain = {"transport_socket": {"name": "tls", "typed_config": tls}, "filters": [{"name": "http", "typed_config": manager}]}
    us = {"cluster_name": "us", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(behind)}}]}]}
    return {
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": "front", "address": address(door), "filter_chains": [chain]}],
            "clusters": [{"name": "us", "type": "STATIC", "load_assignment": us}],
        },
    }


@contextmanager
def mesh(folder: Path, behind: int) -> Iterator[int]:
    """Run an Envoy that knows who its clients are; gives its port."""
    certified(folder)
    door, admin = free_ports(2)
    (folder / "front.json").write_text(json.dumps(bootstrap(folder, door, admin, behind)))
    argv = [str(envoy_binary()), "-c", str(folder / "front.json"), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
    with (folder / "front.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or _serves(admin))
        assert process.poll() is None, (folder / "front.log").read_text()
        yield door
    finally:
        process.terminate()
        process.wait(20)


def _serves(admin: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{admin}/ready").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, int, Path]]:
    folder = tmp_path_factory.mktemp("system")
    identity = {"jwt_payload_header": "x-jwt", "forwarded_certificate": True}
    with pair(folder, policies=POLICIES, identity=identity) as both, mesh(folder, both.system.port) as door:
        yield both, door, folder


@pytest.mark.parametrize(
    ("name", "headers", "policy"),
    [
        ("agent", {}, "agents"),
        ("other", {}, "default"),
        ("plain", {}, "default"),
        ("plain", {"x-forwarded-client-cert": "URI=spiffe://mesh/ns/team-a/sa/agent"}, "default"),
        ("plain", {"x-token": token()}, "engineers"),
        ("plain", {"x-token": token(group=["ops", "eng"])}, "engineers"),
        ("plain", {"x-token": token(group="ops")}, "default"),
        ("plain", {"x-token": token(email="a@example.org")}, "default"),
        ("plain", {"x-token": token(b"another secret")}, "default"),
        ("plain", {"x-token": token(exp=1)}, "default"),
        ("plain", {"x-jwt": encoded(b'{"group":"eng","email":"a@example.com"}')}, "default"),
        ("agent", {"x-token": token()}, "agents"),
    ],
)
def test_a_client_is_who_the_mesh_says(world: tuple[Pair, int, Path], name: str, headers: dict[str, str], policy: str):
    both, door, folder = world
    trusted = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    trusted.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    with httpx.Client(base_url=f"https://localhost:{door}", verify=trusted, timeout=30) as client:
        response = client.post("/v1/messages", json=question("/v1/messages", EASY), headers=headers)
    assert response.status_code == 200
    assert both.record(response)["policy"] == policy
    seen = newest(both.draft if policy == "default" else both.verify)
    assert not {"x-jwt", "x-forwarded-client-cert"} & {header.lower() for header in seen.headers}


def test_without_leave_to_believe_it_a_certificate_is_not_looked_at(tmp_path: Path):
    with pair(tmp_path) as both:
        response = both.client.post(
            "/v1/messages", json=question("/v1/messages", EASY), headers={"x-forwarded-client-cert": "URI=spiffe://a"}
        )
        assert response.status_code == 200
        assert "x-forwarded-client-cert" not in {name.lower() for name in newest(both.draft).headers}
