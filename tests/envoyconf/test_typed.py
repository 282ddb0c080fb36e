from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extproc.envoyconf import bootstrap
from extproc.envoyconf.typed import MISREAD, NEWER, BootstrapError, message
from tests.envoyconf.variants import VARIANTS, made

Break = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_made_of_envoys_messages(name: str, tmp_path: Path):
    whole = bootstrap(*made(name, tmp_path))
    built = message(whole)
    assert [one.name for one in built.static_resources.clusters] == [one["name"] for one in whole["static_resources"]["clusters"]]
    manager = built.static_resources.listeners[0].filter_chains[0].filters[0].typed_config.unpack()
    assert manager.stat_prefix == "client"
    assert [one.name for one in manager.http_filters][-1] == "envoy.filters.http.router"


def manager(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def route(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manager(whole)["route_config"]["virtual_hosts"][0]["routes"][-1]
    return found


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda whole: whole.update(nodes={}), "'nodes' in message Bootstrap"),
        (lambda whole: whole["static_resources"]["clusters"][0].update(typo=1), "'typo' in message Cluster"),
        (lambda whole: whole["static_resources"]["clusters"][0].update(type="STATICAL"), "STATICAL"),
        (lambda whole: whole["static_resources"]["clusters"][0].update(connect_timeout="soon"), "soon"),
        (lambda whole: whole["static_resources"]["clusters"][0].update(name=7), "Input should be a valid string"),
        (lambda whole: manager(whole).update(server_name=["x"]), "Input should be a valid string"),
        (lambda whole: manager(whole).update(max_request_header_kb=1), "'max_request_header_kb' in message HttpConnectionManager"),
        (lambda whole: manager(whole)["http_filters"][2]["typed_config"].update(failure_mode="x"), "in message ExternalProcessor"),
        (lambda whole: manager(whole)["http_filters"][0]["typed_config"].update(max_bytes=1), "'max_bytes' in message envoy."),
        (lambda whole: manager(whole)["http_filters"][1]["typed_config"]["response_handling"].update(x=1), "'response_handling.x'"),
        (lambda whole: route(whole)["route"].update(hosts="x"), "'hosts' in message RouteAction"),
        (lambda whole: route(whole).update(direct_response={"status": 200}), "more than one value"),
        (lambda whole: route(whole)["typed_per_filter_config"].update(x={"@type": "type.googleapis.com/envoy.No"}), "no message envoy.No"),
        (lambda whole: route(whole).update(match=[]), "not a bootstrap"),
    ],
)
def test_a_mistake_is_found_without_envoy(spoil: Break, told: str, tmp_path: Path):
    whole = bootstrap(*made("smallest", tmp_path))
    spoil(whole)
    with pytest.raises(BootstrapError, match="not a bootstrap") as raised:
        message(whole)
    assert told in str(raised.value)


def test_only_what_the_library_lacks_goes_unbuilt():
    """A newer library may know these; then the exceptions have to go."""
    from envoy_data_plane.envoy.config.cluster.v3 import OutlierDetection
    from envoy_data_plane.envoy.extensions.filters.http.ai_protocol_manager import v3

    assert not hasattr(v3, "AiProtocolManagerPerRoute")
    with pytest.raises(ImportError):
        __import__("envoy_data_plane.envoy.extensions.filters.http.body_size_limit")
    with pytest.raises(KeyError, match="Unknown field"):
        v3.AiProtocolManager.from_dict({"response_handling": {}})
    for name in MISREAD:
        assert name in OutlierDetection.__dataclass_fields__
        with pytest.raises(KeyError, match="Unknown field"):
            OutlierDetection.from_dict({name: 0})
    assert len(NEWER) == 3
