"""The admin HTTP of a real pair that asks for a token, and what is told where it does not but should."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.envoy import Envoy
from tests.support.plain import Plain
from tests.support.serve import serving
from tests.support.system import System, free_ports, until

pytestmark = pytest.mark.envoy
TOKENS = ("0123456789abcdef", "fedcba9876543210")


def asked(admin: str, token: str, path: str = "/api/config") -> int:
    return httpx.get(f"{admin}{path}", headers={"authorization": f"Bearer {token}"}).status_code


def test_workers_know_it_and_nobody_else(tmp_path: Path):
    environ = {"DRAFT_KEY": "the-draft-key", "ADMIN_TOKEN": TOKENS[0]}
    with (
        Background(Plain()) as provider,
        System(tmp_path, models(provider.url, provider.url), environ=environ, admin_token_env="ADMIN_TOKEN", workers=2) as system,
    ):
        assert httpx.post(f"{system.url}/v1/messages", json=body_of("/v1/messages", "Hello!")).status_code == 200
        assert httpx.get(f"{system.admin}/api/decisions").status_code == 401
        assert [asked(system.admin, token) for token in TOKENS] == [200, 401]
        assert asked(system.admin, TOKENS[0], "/metrics") == 200
        shown = httpx.get(f"{system.admin}/api/config", headers={"authorization": f"Bearer {TOKENS[0]}"}).text
        assert "ADMIN_TOKEN" in shown
        assert TOKENS[0] not in shown
        children = system.children()
        assert TOKENS[0].encode() not in Path(f"/proc/{children['envoy']}/environ").read_bytes()
        assert TOKENS[0] not in httpx.get(f"{system.envoy_admin}/config_dump").text
    assert TOKENS[0] not in system.output()
    assert "extproc: warning" not in system.output()


@pytest.mark.parametrize("guarded", [False, True])
def test_an_open_address_is_warned_of_and_a_file_is_read_again(tmp_path: Path, guarded: bool):
    (port,) = free_ports(1)
    token = tmp_path / "token"
    token.write_text(f"{TOKENS[0]}\n")
    more = {"admin": f"0.0.0.0:{port}", **({"admin_token_file": str(token)} if guarded else {})}
    with Background(Plain()) as provider, Envoy(tmp_path, models(provider.url, provider.url), **more) as envoy:
        file = tmp_path / "cascade.yaml"
        file.write_text(json.dumps(json.loads(envoy.config.model_dump_json(by_alias=True, exclude_unset=True))))
        admin = f"127.0.0.1:{port}"
        with serving(envoy, file, admin, tmp_path / "log"):
            assert [asked(f"http://{admin}", one) for one in TOKENS] == ([200, 401] if guarded else [200, 200])
            if guarded:
                token.write_text(TOKENS[1])
                until(lambda: [asked(f"http://{admin}", one) for one in TOKENS] == [401, 200])
                token.unlink()
                assert asked(f"http://{admin}", TOKENS[1]) == 401, "without its file nobody gets in"
                assert httpx.get(f"http://{admin}/api/config").status_code == 401
    log = (tmp_path / "log").read_text()
    assert ("admin: decisions and metrics can be read from other machines" in log) is not guarded
