"""Clusters: the providers, the origin, and the sidecar itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from extproc.config.endpoints import Endpoint, Upstream
from extproc.config.processor import AUTHORITY, CERTIFICATE
from extproc.config.runtime import RuntimeDir
from extproc.core.vocabulary import Role
from extproc.envoyconf.parts import Node, extension, http_options, pipe, sds_source, socket_address

ORIGIN = "origin"
PROCESSOR = "extproc"
RECORDS = "records"

_CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem")
_MANY = 100_000
"""Concurrent streams to the sidecar. Envoy's default of 1024 would fail requests under load (each holds one stream)."""


def provider(endpoint: Endpoint, runtime: RuntimeDir, authorities: str) -> Node:
    """Give the cluster of one model under one dialect; `authorities` is the file of those whose certificates are trusted."""
    filters = injected(endpoint.cluster, endpoint.secret.header, runtime) if endpoint.secret else []
    cluster = host(endpoint.cluster, endpoint.upstream, authorities, filters)
    if endpoint.role is Role.DRAFT:
        # A draft provider that is down should be known at once, so that its requests are rescued without waiting: eject it
        # even when it is the only host, and do not panic back to it.
        cluster["outlier_detection"] = {**_OUTLIER, "max_ejection_percent": 100}
        cluster["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
    else:
        # There is nothing behind the verify provider: with all of its hosts ejected Envoy panics and tries them anyway.
        cluster["outlier_detection"] = {**_OUTLIER, "max_ejection_percent": 50}
    return cluster


def origin(upstream: Upstream, authorities: str) -> Node:
    """Give the cluster of everything that is no LLM call."""
    return host(ORIGIN, upstream, authorities)


def processor(name: str, sockets: Sequence[Path]) -> Node:
    """Give a cluster of the sidecar's workers, by HTTP/2 on these of their Unix sockets.

    A dead worker refuses its connection at once, and Envoy carries on without it. Where there are others, they are to have its share
    meanwhile: Envoy looks at each socket four times a second, and tries them all only where none is there.
    """
    endpoints = [{"endpoint": {"address": pipe(socket)}} for socket in sockets]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [{"max_connections": _MANY, "max_pending_requests": _MANY, "max_requests": _MANY}]},
        # The trace context is new with every stream. Huffman's code makes it 20 bytes shorter, for a tenth of the transport's time.
        "typed_extension_protocol_options": http_options({"explicit_http_config": {"http2_protocol_options": _PLAIN}}),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        **(_WATCHED if len(endpoints) > 1 else {}),
    }


_PLAIN: Node = {"enable_huffman_encoding": False}

_WATCHED: Node = {
    # One of them takes the access log of all, and so is to get fewer requests.
    "lb_policy": "LEAST_REQUEST",
    "health_checks": [
        {
            "timeout": "1s",
            "interval": "0.25s",
            "no_traffic_interval": "0.25s",
            "unhealthy_threshold": 1,
            "healthy_threshold": 1,
            "reuse_connection": False,  # one that stays would keep a worker from ending
            "tcp_health_check": {},
        }
    ],
    "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
}


def remote_processor(name: str, address: str, runtime: RuntimeDir) -> Node:
    """Give a cluster of sidecars on other machines, at `host:port`, by mutual TLS: every address of the host is one of them."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    literal = _is_ip(host)
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
    # Pings keep firewalls awake and find out what has gone without a word; the sidecar takes them as often as every 5 s (`shell.limits`).
    http2 = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    return {
        "name": name,
        **({"type": "STATIC"} if literal else {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED"}),
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [{"max_connections": _MANY, "max_pending_requests": _MANY, "max_requests": _MANY}]},
        "typed_extension_protocol_options": http_options({"explicit_http_config": {"http2_protocol_options": http2}}),
        # One that drains, or whose machine is gone, is left out of the choice. Where none is left Envoy tries them all, and fails open.
        "health_checks": [
            {"timeout": "1s", "interval": "5s", "unhealthy_threshold": 2, "healthy_threshold": 1, "grpc_health_check": {}},
        ],
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "transport_socket": _mutual_tls(host, runtime, literal=literal),
    }


_VERSIONS: Node = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
"""As a client Envoy stops at 1.2 unless it is told."""


def _mutual_tls(host: str, runtime: RuntimeDir, *, literal: bool) -> Node:
    named = {"san_type": "IP_ADDRESS" if literal else "DNS", "matcher": {"exact": host}}
    certificate, authority = ({"name": name, "sds_config": sds_source(runtime.secret(name))} for name in (CERTIFICATE, AUTHORITY))
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        **({} if literal else {"sni": host}),
        common_tls_context={
            "tls_params": _VERSIONS,
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [certificate],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": [named]},
                "validation_context_sds_secret_config": authority,
            },
        },
    )


_OUTLIER: Node = {
    "consecutive_gateway_failure": 5,
    "enforcing_consecutive_gateway_failure": 100,
    "enforcing_consecutive_5xx": 0,  # a provider's own 500 says more about the request than about its host
    "enforcing_success_rate": 0,
    "split_external_local_origin_errors": True,
    "consecutive_local_origin_failure": 5,
    "interval": "1s",
    "base_ejection_time": "5s",
    "max_ejection_time": "30s",
}


def host(name: str, upstream: Upstream, authorities: str, filters: Sequence[Node] = (), *, http2: bool = False) -> Node:
    """Give the cluster of one host on the network. `http2`: it speaks that without being asked, as gRPC has it."""
    literal = _is_ip(upstream.host)
    address = f"[{upstream.host}]:{upstream.port}" if ":" in upstream.host else f"{upstream.host}:{upstream.port}"
    codec = extension("envoy.filters.http.upstream_codec", "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec")
    more = {"http_filters": [*filters, codec]} if filters else {}
    protocol: Node = {"auto_config": {}} if upstream.tls else {"explicit_http_config": {"http_protocol_options": {}}}
    protocol = {"explicit_http_config": {"http2_protocol_options": {}}} if http2 else protocol
    cluster: Node = {
        "name": name,
        "type": "STATIC" if literal else "LOGICAL_DNS",
        "connect_timeout": "5s",
        "circuit_breakers": {
            "thresholds": [{"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192, "max_retries": 64}]
        },
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 15, "keepalive_probes": 4}},
        "typed_extension_protocol_options": http_options(protocol, **more),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(address)}}]}]},
    }
    if not literal:
        cluster["dns_lookup_family"] = "V4_PREFERRED"
    if upstream.tls:
        cluster["transport_socket"] = _tls(upstream, authorities, literal=literal)
    return cluster


def _tls(upstream: Upstream, authorities: str, *, literal: bool) -> Node:
    """TLS whose certificate must be signed by one of the authorities and name this very host."""
    name = {"san_type": "IP_ADDRESS" if literal else "DNS", "matcher": {"exact": upstream.host}}
    validation = {"trusted_ca": {"filename": authorities}, "match_typed_subject_alt_names": [name]}
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        **({} if literal else {"sni": upstream.host}),
        common_tls_context={"tls_params": _VERSIONS, "validation_context": validation},
    )


def ca_bundle() -> str:
    """Give the file of the system's certificate authorities; `SSL_CERT_FILE` overrides it."""
    named = os.environ.get("SSL_CERT_FILE")
    return named or next((path for path in _CA_BUNDLES if Path(path).exists()), _CA_BUNDLES[0])


def injected(secret: str, header: str, runtime: RuntimeDir) -> list[Node]:
    """Give the filters that put a secret, by its name, into a header of every request that leaves."""
    credential = extension(
        "envoy.http.injected_credentials.generic",
        "envoy.extensions.http.injected_credentials.generic.v3.Generic",
        credential={"name": secret, "sds_config": sds_source(runtime.secret(secret))},
        header=header,
    )
    name = "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector"
    return [extension("envoy.filters.http.credential_injector", name, overwrite=True, credential=credential)]


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
