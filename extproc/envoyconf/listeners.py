"""Listeners: the clients' door, and the egress socket for the sidecar's own calls."""

from __future__ import annotations

from extproc.config.model import Config
from extproc.config.runtime import METADATA_NAMESPACE, RuntimeDir
from extproc.core.steps.policies import PLAN_HEADER
from extproc.core.vocabulary import TRACER_HEADER
from extproc.envoyconf import usage
from extproc.envoyconf.clusters import PROCESSOR, RECORDS
from extproc.envoyconf.local_replies import ENDS, local_replies
from extproc.envoyconf.parts import EXT_PROC, SIZE_LIMIT, Node, extension, patience_s, pipe, seconds, socket_address
from extproc.envoyconf.routes import client_routes, egress_routes
from extproc.envoyconf.tracing import SPAN_TAG

_SLACK_BYTES = 1 << 20
"""Room for headers and framing beside the largest body."""


def client(config: Config, tracing: Node) -> Node:
    """Give the client-facing listener, HTTP/1.1 and h2c; `tracing`: what its connection manager is to do about spans."""
    hosts = [virtual_host(config, "client", ["*"], client_routes(config))]
    manager = clients_manager(config, "client", hosts, tracing, behind_proxy=True)
    return _listener("client", socket_address(config.listen), config, manager)


def clients_manager(config: Config, name: str, hosts: list[Node], tracing: Node, *, behind_proxy: bool) -> Node:
    """Give the connection manager of a listener that clients reach. `behind_proxy`: what `identity` believes may come from one."""
    told = config.identity.jwt_payload_header
    manager = _manager(config, name, hosts, [_size_limit(config), *usage.filters(config), _ext_proc(config), _ROUTER])
    return manager | {
        "early_header_mutation_extensions": [_own_headers(traced=bool(tracing), also="" if behind_proxy else told or "")],
        "request_headers_timeout": "30s",
        "forward_client_cert_details": "ALWAYS_FORWARD_ONLY" if behind_proxy and config.identity.forwarded_certificate else "SANITIZE",
        "use_remote_address": True,
        "skip_xff_append": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "access_log": [_records("client", traced=bool(tracing)), _TROUBLE],
        "local_reply_config": local_replies(config),
        **tracing,
    }


def egress(config: Config, runtime: RuntimeDir, tracing: Node) -> Node:
    """Give the listener for our own calls to models; only this user may connect. `tracing` as for `client`."""
    hosts = [virtual_host(config, "egress", ["*"], egress_routes(config))]
    manager = _manager(config, "egress", hosts, [*usage.filters(config), _ROUTER])
    # An answer that breaks off is to be known at once, and not after the delay that is meant for clients on a network.
    manager |= {"local_reply_config": local_replies(config), "delayed_close_timeout": "0s", **tracing}
    # Its connections come from requests that were let in already; a crowd at the clients' door must not keep them from being answered.
    return {**_listener("egress", pipe(runtime.egress, mode=0o600), config, manager), "ignore_global_conn_limit": True}


def _listener(name: str, address: Node, config: Config, manager: Node) -> Node:
    return {
        "name": name,
        "address": address,
        "per_connection_buffer_limit_bytes": config.limits.max_body_bytes + _SLACK_BYTES,
        "filter_chains": [{"filters": [network_filter(manager)]}],
    }


def network_filter(manager: Node) -> Node:
    """Give a connection manager as the filter of a chain."""
    kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return extension("envoy.filters.network.http_connection_manager", kind, **manager)


def virtual_host(config: Config, name: str, domains: list[str], routes: list[Node]) -> Node:
    """Give the routes of requests to some hosts, under a name."""
    host: Node = {"name": name, "domains": domains, "request_body_buffer_limit": config.limits.max_body_bytes}
    return {**host, "routes": usage.there_only(config, routes)}


def _manager(config: Config, name: str, hosts: list[Node], filters: list[Node]) -> Node:
    return {
        "stat_prefix": name,
        "codec_type": "AUTO",
        "stream_idle_timeout": seconds(patience_s(config)),
        "common_http_protocol_options": {"max_headers_count": 200},
        "max_request_headers_kb": 256,  # beyond it: 431
        "generate_request_id": False,  # nothing is added to what a client sends
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": True,
        "route_config": {"name": name, "virtual_hosts": hosts},
        "http_filters": filters,
    }


_ROUTER = extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True)


def _own_headers(*, traced: bool, also: str) -> Node:
    """Takes away what a client says in our name, and the header `also`; says whether we trace.

    Before every filter and before the first choice of a route, so that a client steers nothing, also when the processor is down.
    """
    # The plan that a client asks for goes on under a name which no client can use. Only the processor looks at it, where a policy lets it.
    asked = {"key": PLAN_HEADER, "value": "%REQ(x-cascade-plan)%"}
    mutations: list[Node] = [{"remove": PLAN_HEADER}, {"append": {"header": asked, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}]
    mutations += [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in ("x-cascade-", "x-envoy-")]
    if also:
        mutations.append({"remove": also})
    if traced:
        mutations.append({"append": {"header": {"key": TRACER_HEADER, "value": "envoy"}}})
    kind = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return extension("envoy.http.early_header_mutation.header_mutation", kind, mutations=mutations)


def _size_limit(config: Config) -> Node:
    """Refuses LLM calls that are too large at the door, with the processor up or down; else only a buffering filter would notice."""
    kind = "envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit"
    return extension(SIZE_LIMIT, kind, max_request_bytes=config.limits.max_body_bytes)


def _ext_proc(config: Config) -> Node:
    processor = extension(
        EXT_PROC,
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={
            "envoy_grpc": {"cluster_name": PROCESSOR, "max_receive_message_length": config.limits.max_body_bytes + _SLACK_BYTES},
            "timeout": "0s",
        },
        failure_mode_allow=True,
        # BUFFERED keeps fail-open whole: nothing has left for the upstream while we decide.
        processing_mode={
            "request_header_mode": "SEND",
            "request_body_mode": "BUFFERED",
            "request_trailer_mode": "SKIP",
            "response_header_mode": "SEND",
            # From NONE the answer to the response headers may switch to any mode; from full duplex it could not.
            "response_body_mode": "NONE",
            "response_trailer_mode": "SKIP",
        },
        allow_mode_override=True,
        message_timeout="1s",  # a wedged processor must fail open soon
        max_message_timeout="3600s",  # the most that Envoy takes; how long a response is held is said for each
        mutation_rules={"allow_all_routing": True},
        metadata_options={"receiving_namespaces": {"untyped": [METADATA_NAMESPACE]}},
        status_on_error={"code": "ServiceUnavailable"},
        emit_client_span=False,  # its span would end when we leave, but our spans, below it, with the answer
    )
    return {**processor, "disabled": True}  # routes switch it on


def _records(name: str, *, traced: bool) -> Node:
    """The access log that records are made of; probes are no requests. `traced`: it names the span of each request, too."""
    log = extension(
        "envoy.access_loggers.http_grpc",
        "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
        common_config={
            "log_name": name,
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": RECORDS}},
            "buffer_flush_interval": "0.05s",
            **({"custom_tags": [SPAN_TAG]} if traced else {}),
        },
    )
    # `PROBES`, with what they share said once: Envoy takes no expression that is much longer.
    probes = {"safe_regex": {"regex": rf"/(\.well-known/|v1/({'|'.join(ENDS.values())})\?)cascade-probe"}}
    return {**log, "filter": {"header_filter": {"header": {"name": ":path", "string_match": probes, "invert_match": True}}}}


# What Envoy itself could not do, told on its own output too: it is all there is when the sidecar is down.
_TROUBLE = {
    **extension(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={
            "json_format": {
                "time": "%START_TIME%",
                "level": "warning",
                "event": "envoy_trouble",
                "method": "%REQ(:METHOD)%",
                "route": "%ROUTE_NAME%",
                "status": "%RESPONSE_CODE%",
                "flags": "%RESPONSE_FLAGS%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "cluster": "%UPSTREAM_CLUSTER%",
                "duration_ms": "%DURATION%",
            }
        },
    ),
    "filter": {"response_flag_filter": {}},
}
