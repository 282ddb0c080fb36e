"""Configuration → Envoy bootstrap, one function per part.

listeners   the clients' door and the egress socket, with their filters and logs
intercept   the listener of redirected connections
routes      LLM calls by path, dialect and target; everything else to the origin
clusters    providers, origin, the sidecar
tracing     Envoy's own spans, and the collector that gets them
typed       the whole as Envoy's message types
binary      where the Envoy binary is
example     the commented copy in the repository
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping

from ruamel.yaml import YAML

from extproc.config.endpoints import endpoints
from extproc.config.model import Config
from extproc.config.otlp import export
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import clusters, intercept, listeners, routes, tracing
from extproc.envoyconf.parts import Node, extension, socket_address
from extproc.envoyconf.typed import BootstrapError, message

__all__ = ["BootstrapError", "bootstrap", "to_yaml", "untyped"]


def bootstrap(
    config: Config,
    runtime: RuntimeDir,
    workers: int | None = None,
    authorities: str | None = None,
    environ: Mapping[str, str] | None = None,
    processor: str | None = None,
) -> Node:
    """Give the whole bootstrap as JSON data; it was built as Envoy's typed messages, too.

    Args:
        config: What to run.
        runtime: Where the sockets and secrets lie.
        workers: Number of sidecar processes. Default: the configured number.
        authorities: File of the certificate authorities that providers' certificates are held against. Default: the system's.
        environ: Where OpenTelemetry's variables are taken from. Default: the process's environment.
        processor: `host:port` of sidecars on other machines, whose own calls go through Envoys of their own. Default: this machine's.

    Raises:
        BootstrapError: a part names a type or field that Envoy does not have.
    """
    whole = untyped(config, runtime, workers, authorities, environ, processor)
    message(whole)
    return whole


def untyped(
    config: Config,
    runtime: RuntimeDir,
    workers: int | None = None,
    authorities: str | None = None,
    environ: Mapping[str, str] | None = None,
    processor: str | None = None,
) -> Node:
    """Give the same, but not built as typed messages, whose import takes a second. Arguments are those of `bootstrap`."""
    sockets = [runtime.worker(index) for index in range(config.workers if workers is None else workers)]
    trusted = authorities or clusters.ca_bundle()
    made = [clusters.provider(endpoint, runtime, trusted) for endpoint in endpoints(config)]
    made.append(clusters.origin(routes.origin_of(config), trusted))
    for name, local in ((clusters.PROCESSOR, sockets), (clusters.RECORDS, [runtime.records(0, config.transport)])):
        made.append(clusters.remote_processor(name, processor, runtime) if processor else clusters.processor(name, local))
    exported = export(config.telemetry.otlp_endpoint, os.environ if environ is None else environ)
    made += tracing.cluster(exported, runtime, trusted)
    made += intercept.clusters(config, trusted)
    doors = [
        listeners.client(config, tracing.manager(exported)),
        *([] if processor else [listeners.egress(config, runtime, tracing.manager(exported, operation="egress"))]),
        *intercept.listener(config, runtime, tracing.manager(exported)),
    ]
    return {
        "node": {"id": "cascade", "cluster": "cascade"},  # SDS refuses an Envoy without a name
        "admin": {"address": socket_address(config.envoy_admin)},
        "static_resources": {"listeners": doors, "clusters": made},
        **({"layered_runtime": {"layers": [{"name": "tracing", "static_layer": tracing.FLUSH}]}} if exported.traces else {}),
        "overload_manager": {"resource_monitors": [_connections(config)]},
    }


def to_yaml(
    config: Config,
    runtime: RuntimeDir,
    workers: int | None = None,
    authorities: str | None = None,
    environ: Mapping[str, str] | None = None,
    processor: str | None = None,
) -> str:
    """Give the bootstrap as YAML text; arguments and errors are those of `bootstrap`."""
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # keep the reader's order
    yaml.representer.ignore_aliases = lambda _: True  # written out twice rather than `*id001`
    yaml.width = 140
    yaml.dump(bootstrap(config, runtime, workers, authorities, environ, processor), text)
    return text.getvalue()


def _connections(config: Config) -> Node:
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return extension(name, kind, max_active_downstream_connections=config.limits.max_connections)
