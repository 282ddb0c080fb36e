"""Configuration → Envoy bootstrap, one function per part.

listeners   the clients' door and the egress socket, with their filters and logs
routes      LLM calls by path, dialect and target; everything else to the origin
clusters    providers, origin, the sidecar
binary      where the Envoy binary is
"""

from __future__ import annotations

import io

from ruamel.yaml import YAML

from extproc.config.endpoints import endpoints
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import clusters, listeners, routes
from extproc.envoyconf.parts import Node, extension, socket_address

__all__ = ["bootstrap", "to_yaml"]


def bootstrap(config: Config, runtime: RuntimeDir, workers: int | None = None) -> Node:
    """Give the whole bootstrap as JSON data, for `workers` sidecar processes (default: the configured number)."""
    sockets = range(config.workers if workers is None else workers)
    made = [clusters.provider(endpoint, runtime) for endpoint in endpoints(config)]
    made.append(clusters.origin(routes.origin_of(config)))
    made.append(clusters.processor(clusters.PROCESSOR, runtime, sockets))
    made.append(clusters.processor(clusters.RECORDS, runtime, sockets[:1]))
    if config.telemetry.otlp_endpoint:
        made.append(clusters.otlp(config))
    return {
        "node": {"id": "cascade", "cluster": "cascade"},  # SDS refuses an Envoy without a name
        "admin": {"address": socket_address(config.envoy_admin)},
        "static_resources": {"listeners": [listeners.client(config), listeners.egress(config, runtime)], "clusters": made},
        "overload_manager": {"resource_monitors": [_connections(config)]},
    }


def to_yaml(config: Config, runtime: RuntimeDir, workers: int | None = None) -> str:
    """Give the bootstrap as YAML text."""
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # keep the reader's order
    yaml.width = 140
    yaml.dump(bootstrap(config, runtime, workers), text)
    return text.getvalue()


def _connections(config: Config) -> Node:
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return extension(name, kind, max_active_downstream_connections=config.limits.max_connections)
