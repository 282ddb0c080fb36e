"""The listener of redirected connections: providers' hosts by the server name that a client says, everything else to where it was going.

Envoy's parts: `original_dst` restores the address that the client meant, `tls_inspector` reads the server name of its TLS hello, and the
first chain that fits takes the connection
(https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/listeners/listener_filters).
"""

from __future__ import annotations

from extproc.config.endpoints import Upstream
from extproc.config.interception import secret_name
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf.clusters import host as cluster_of
from extproc.envoyconf.listeners import clients_manager, network_filter, virtual_host
from extproc.envoyconf.parts import Node, extension, sds_source, socket_address
from extproc.envoyconf.routes import intercepted_routes

PASSED = "passed"
"""Name of the cluster of connections, and of plain requests, that are none of our business."""
_NAME = "intercept"
_BUFFER_BYTES = 1 << 20
"""Buffered of each connection that passes; requests that are ours may be larger by `request_body_buffer_limit`."""
_FILTERS = "envoy.extensions.filters.listener"


def listener(config: Config, runtime: RuntimeDir, tracing: Node) -> list[Node]:
    """Give the listener, where there are hosts to intercept; `tracing` as for the client listener."""
    if not config.intercept.hosts:
        return []
    address = socket_address(config.intercept.listen)
    if config.intercept.listen.startswith("[::]"):
        address["socket_address"]["ipv4_compat"] = True
    filters = [
        extension("envoy.filters.listener.original_dst", f"{_FILTERS}.original_dst.v3.OriginalDst"),
        extension("envoy.filters.listener.tls_inspector", f"{_FILTERS}.tls_inspector.v3.TlsInspector"),
    ]
    if config.intercept.plain_http:
        filters.append(extension("envoy.filters.listener.http_inspector", f"{_FILTERS}.http_inspector.v3.HttpInspector"))
    return [
        {
            "name": _NAME,
            "address": address,
            "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
            "listener_filters": filters,
            # Where the server speaks first there is nothing to read: such a connection passes when this time is over.
            "listener_filters_timeout": "1s",
            "continue_on_listener_filters_timeout": True,
            "filter_chains": _chains(config, runtime, tracing),
            "default_filter_chain": {"name": PASSED, "filters": [_passing()]},
        }
    ]


def clusters(config: Config, authorities: str) -> list[Node]:
    """Give the clusters of the listener: each host for what is no LLM call, and wherever a connection was going."""
    if not config.intercept.hosts:
        return []
    hosts = [cluster_of(_cluster(host), Upstream(host, 443, True, ""), authorities) for host in config.intercept.hosts]
    limits = {"max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000}
    passed = {
        "name": PASSED,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "10s",
        "circuit_breakers": {"thresholds": [limits]},
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 15, "keepalive_probes": 4}},
    }
    return [*hosts, passed]


def _chains(config: Config, runtime: RuntimeDir, tracing: Node) -> list[Node]:
    hosts = [
        virtual_host(config, host, [host, f"{host}:443", f"{host}:80"], intercepted_routes(config, host, _cluster(host)))
        for host in config.intercept.hosts
    ]

    def manager(other: Node) -> Node:
        return network_filter(clients_manager(config, _NAME, [*hosts, other], tracing, behind_proxy=False))

    # Sent on to where it was going it would leave in plain text, so it is told to open a connection of its own (RFC 9110, 15.5.20).
    text = "This host is not served on a connection to another one."
    misdirected = {"match": {"prefix": "/"}, "direct_response": {"status": 421, "body": {"inline_string": text}}}
    encrypted = manager({"name": "misdirected", "domains": ["*"], "routes": [misdirected]})
    # Who connects to the redirect's own port meant nobody else: passed on, it would come back for ever.
    closing = extension("envoy.filters.network.direct_response", "envoy.extensions.filters.network.direct_response.v3.Config")
    chains: list[Node] = [{"name": "loop", "filter_chain_match": {"destination_port": config.intercept.port}, "filters": [closing]}]
    chains += [
        {
            "name": host,
            "filter_chain_match": {"server_names": [host], "transport_protocol": "tls"},
            "transport_socket": _tls(host, runtime),
            "filters": [encrypted],
        }
        for host in config.intercept.hosts
    ]
    if config.intercept.plain_http:
        match = {"destination_port": 80, "application_protocols": ["http/1.1", "h2c"]}
        chains.append({"name": "plain", "filter_chain_match": match, "filters": [manager(_others())]})
    return chains


def _others() -> Node:
    """Plain requests to hosts that are none of our business."""
    route = {"cluster": PASSED, "timeout": "0s"}
    added = ["x-forwarded-proto", "x-envoy-external-address", "x-envoy-internal"]
    return {
        "name": PASSED,
        "domains": ["*"],
        "routes": [{"name": PASSED, "match": {"prefix": "/"}, "route": route, "request_headers_to_remove": added}],
    }


def _passing() -> Node:
    kind = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    return extension("envoy.filters.network.tcp_proxy", kind, stat_prefix=PASSED, cluster=PASSED, idle_timeout="86400s")


def _tls(host: str, runtime: RuntimeDir) -> Node:
    secret = {"name": secret_name(host), "sds_config": sds_source(runtime.secret(secret_name(host)))}
    common = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificate_sds_secret_configs": [secret],
    }
    kind = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    return extension("envoy.transport_sockets.tls", kind, common_tls_context=common)


def _cluster(host: str) -> str:
    return f"origin {host}"
