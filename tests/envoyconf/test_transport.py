"""The way from Envoy to the workers: which socket is for what, and what is said on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import bootstrap
from tests.envoyconf.variants import VARIANTS, made


def clusters(of: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cluster["name"]: cluster for cluster in of["static_resources"]["clusters"]}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_workers_sockets_are_in_the_private_folder(name: str, tmp_path: Path):
    config, runtime = made(name, tmp_path)
    told = clusters(bootstrap(config, runtime, 3))
    (group,) = told["extproc"]["load_assignment"]["endpoints"]
    paths = [one["endpoint"]["address"]["pipe"]["path"] for one in group["lb_endpoints"]]
    assert paths == [str(runtime.worker(index)) for index in range(3)]
    (records,) = told["records"]["load_assignment"]["endpoints"]
    assert len(records["lb_endpoints"]) == 1


@pytest.mark.parametrize("name", VARIANTS)
def test_headers_are_not_coded_on_a_socket_and_are_on_a_network(name: str, tmp_path: Path):
    """Huffman's code costs both sides time for the trace context of every request."""
    told = clusters(bootstrap(*made(name, tmp_path), 2))
    plain = {
        name
        for name, cluster in told.items()
        for options in cluster.get("typed_extension_protocol_options", {}).values()
        if options.get("explicit_http_config", {}).get("http2_protocol_options", {}).get("enable_huffman_encoding") is False
    }
    sockets = {name for name, cluster in told.items() if "pipe" in str(cluster.get("load_assignment"))}
    assert plain == {"extproc", "records"} & sockets
    assert sockets


@pytest.mark.parametrize(("transport", "records"), [("grpcio", "worker-0.sock"), ("native", "records-0.sock")])
def test_records_have_a_socket_of_their_own_beside_native(transport: str, records: str):
    model = {"model": "m", "dialect": "anthropic", "base_url": "http://127.0.0.1:1"}
    config = Config.model_validate({"version": 1, "models": {"draft": model, "verify": model}, "workers": 2, "transport": transport})
    clusters = bootstrap(config, RuntimeDir(Path("/run/x")))["static_resources"]["clusters"]
    sockets = {
        cluster["name"]: [
            one["endpoint"]["address"]["pipe"]["path"]
            for one in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
            if "pipe" in one["endpoint"]["address"]
        ]
        for cluster in clusters
    }
    assert sockets["extproc"] == ["/run/x/worker-0.sock", "/run/x/worker-1.sock"]
    assert sockets["records"] == [f"/run/x/{records}"]
