"""`extproc serve` as a container runs it: beside an Envoy that somebody else has started, on a mounted ConfigMap that is swapped."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.envoy import Envoy
from tests.support.serve import serving
from tests.support.system import free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


class Mounted:
    """A ConfigMap as the kubelet mounts it: the file is a link into a folder, and one link to that folder is turned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turns = 0
        self.file = folder / "cascade.yaml"
        folder.mkdir()
        self.file.symlink_to("..data/cascade.yaml")

    def put(self, text: str) -> None:
        self._turns += 1
        data = self._folder / f"..2026_{self._turns}"
        data.mkdir()
        (data / "cascade.yaml").write_text(text)
        (self._folder / "..data_tmp").symlink_to(data.name)
        (self._folder / "..data_tmp").replace(self._folder / "..data")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_config_map_that_is_swapped(tmp_path: Path, workers: int):
    admin = f"127.0.0.1:{free_ports(1)[0]}"
    with Background(Simulator(Profile())) as provider:
        named = models(provider.url, provider.url, api_key_env=None)
        with Envoy(tmp_path, named, admin=admin, workers=workers) as envoy:
            base = json.loads(envoy.config.model_dump_json(by_alias=True, exclude_unset=True))
            mounted = Mounted(tmp_path / "mounted")

            def put(**more: Any) -> None:
                mounted.put(json.dumps({**base, **more}))

            def outcomes() -> set[str]:
                return {
                    httpx.post(f"{envoy.url}/v1/messages", json=body_of("/v1/messages", "Hello!")).headers["x-cascade-outcome"]
                    for _ in range(8)
                }

            put()
            with serving(envoy, mounted.file, admin, tmp_path / "log") as process:
                assert outcomes() == {"SKIPPED"}
                put(router={"skip_below": 0.0, "direct_above": 0.0})
                until(lambda: outcomes() == {"DIRECT"})
                put(lisen=1)
                until(lambda: "lisen: unknown key" in httpx.get(f"http://{admin}/readyz").text)
                put(origin={"base_url": "http://127.0.0.1:9"})
                until(lambda: "origin: takes effect after a restart" in httpx.get(f"http://{admin}/readyz").text)
                assert outcomes() == {"DIRECT"}
                put()
                process.send_signal(signal.SIGHUP)
                until(lambda: outcomes() == {"SKIPPED"})
                assert httpx.get(f"http://{admin}/readyz").text == "ready\n"
            log = (tmp_path / "log").read_text()
            assert log.count("in use for new requests") == 2
            assert "Traceback" not in log
