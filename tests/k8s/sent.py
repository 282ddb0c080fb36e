"""What a control plane sends to an Envoy, as messages: where ext_proc is, and the whole as a bootstrap that the real Envoy can look at."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from extproc.envoyconf import clusters
from extproc.envoyconf.parts import EXT_PROC, Node

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # generated in a form that newer versions of pydantic deprecate
    from envoy_data_plane.envoy.config.bootstrap.v3 import Bootstrap, BootstrapStaticResources
    from envoy_data_plane.envoy.config.cluster.v3 import Cluster
    from envoy_data_plane.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions  # noqa: F401 # known to the packer
    from envoy_data_plane.google.protobuf import Any as Packed

MANAGER = "envoy.filters.network.http_connection_manager"


def unpacked(packed: Any) -> Any:
    """Give the message in an `Any`, of whatever package."""
    package = packed.type_url.rpartition("/")[2].rpartition(".")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module(f"envoy_data_plane.{package}")
    return packed.unpack()


def _managers(listener: Any) -> Iterator[tuple[Any, Any]]:
    """The HTTP connection managers of a listener: the filter as it stands there, and what is in it."""
    for chain in (*listener.filter_chains, *([listener.default_filter_chain] if listener.default_filter_chain else [])):
        for one in chain.filters:
            if one.name == MANAGER:
                yield one, unpacked(one.typed_config)


def managers(listener: Any) -> Iterator[Any]:
    """Give the HTTP connection managers of a listener."""
    return (manager for _, manager in _managers(listener))


def routes_of(listener: Any) -> Iterator[str]:
    """Name the route configurations that a listener asks for."""
    for manager in managers(listener):
        if manager.rds is not None:
            yield manager.rds.route_config_name


@dataclass
class Sent:
    """Clusters, listeners and routes of one proxy."""

    clusters: list[Any]
    listeners: list[Any]
    routes: Mapping[str, Any]

    def attached(self) -> dict[str, list[Any]]:
        """Give every ext_proc filter, by the name of its listener."""
        found: dict[str, list[Any]] = {}
        for listener in self.listeners:
            for manager in managers(listener):
                for one in manager.http_filters:
                    if one.name == EXT_PROC:
                        found.setdefault(listener.name, []).append(one)
        return found

    def configurations(self) -> Iterator[Any]:
        """Give all route configurations, asked for or written into a listener."""
        yield from self.routes.values()
        for listener in self.listeners:
            for manager in managers(listener):
                if manager.route_config is not None:
                    yield manager.route_config

    def switched_on(self) -> set[tuple[str, str, str]]:
        """Name where it is switched on: route configuration, virtual host, route; a name is empty where it holds for all of them."""
        found = set()
        for configuration in self.configurations():
            found |= {(configuration.name, "", "")} if EXT_PROC in configuration.typed_per_filter_config else set()
            for host in configuration.virtual_hosts:
                found |= {(configuration.name, host.name, "")} if EXT_PROC in host.typed_per_filter_config else set()
                on = [route.name for route in host.routes if EXT_PROC in route.typed_per_filter_config]
                found |= {(configuration.name, host.name, name) for name in on}
        return found

    def inlined(self) -> list[Any]:
        """Give the listeners with their routes in them."""
        copies = [type(listener).parse(bytes(listener)) for listener in self.listeners]
        for listener in copies:
            for one, manager in _managers(listener):
                if manager.rds is not None:
                    manager.route_config, manager.rds = self.routes[manager.rds.route_config_name], None
                    one.typed_config = Packed.pack(manager)
        return copies

    def bootstrap(self) -> bytes:
        """Give all of it as one static bootstrap; certificates and endpoints still come from where a proxy of Istio's gets them."""
        return static(self.inlined(), [*self.clusters, *[_local(name) for name in ("sds-grpc", "xds-grpc")]], _AGENT)


_SOURCE = {"apiType": "GRPC", "transportApiVersion": "V3", "grpcServices": [{"envoyGrpc": {"clusterName": "xds-grpc"}}]}
_AGENT = {"dynamicResources": {"adsConfig": _SOURCE}}


def _local(name: str) -> Any:
    """What Istio's agent brings: a cluster on a Unix socket."""
    return parsed(clusters.processor(name, [Path(f"/var/run/istio/{name}.sock")]))


def static(listeners: list[Any], clusters: list[Any], more: Mapping[str, Any]) -> bytes:
    """Give a bootstrap, in the binary form that Envoy takes from files named `.pb`."""
    whole = Bootstrap.from_dict({"node": {"id": "proxy", "cluster": "proxy"}, **more})
    whole.static_resources = BootstrapStaticResources(listeners=listeners, clusters=clusters)
    return bytes(whole)


def parsed(cluster: Node) -> Any:
    """Give a cluster of our own as a message."""
    return Cluster.from_dict(cluster)
