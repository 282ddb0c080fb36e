"""Which socket is for what depends on the transport."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import bootstrap


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
