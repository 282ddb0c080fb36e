"""Envoy's own spans: who is traced, how, and where the spans go. Nothing of it stands in a bootstrap that exports no traces."""

from __future__ import annotations

from extproc.config import runtime
from extproc.config.otlp import Export, Protocol, Target, header_secrets
from extproc.config.runtime import RuntimeDir
from extproc.core.steps.tracing import Sampling
from extproc.envoyconf.clusters import host, injected
from extproc.envoyconf.parts import Node, extension, seconds, typed

OTLP = "otlp"
"""Name of the collector's cluster."""

FLUSH: Node = {"tracing": {"opentelemetry": {"min_flush_spans": 256, "flush_interval_ms": 250}}}
"""Runtime keys. Envoy's defaults, 5 spans or 5 seconds, send too often under load and too late otherwise: a trace is to be whole
within a second."""

SPAN_TAG: Node = {"tag": runtime.SPAN_TAG, "value": "%TRACE_ID% %SPAN_ID% %REQ(TRACEPARENT)%"}
"""What the access log says of a request's span. The header is by then what the router has sent to the upstream, if it was called."""

_SAMPLER = "envoy.tracers.opentelemetry.samplers"
_CACHE = 8192
"""Spans that wait for the collector in each of Envoy's threads; what is beyond is dropped."""


def manager(export: Export, *, operation: str = "") -> Node:
    """Give what a connection manager needs for its spans.

    Args:
        export: what is exported.
        operation: name of the spans of its requests; default: Envoy's own, `ingress`.
    """
    if export.traces is None:
        return {}
    # Envoy draws its samples by the request's id. There is none, and without this no trace would be kept.
    ids = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"
    return {
        "tracing": {
            "random_sampling": {"value": 100},
            # One span for each way through Envoy is enough, and a second costs a twentieth of the throughput: what it calls is in a span
            # of ours, or is all that the way is about.
            "spawn_upstream_span": False,
            "provider": _provider(export, export.traces),
            "custom_tags": [{"tag": "http.url", "value": "%PATH(NQ)%"}],  # without its query, which may hold a key
            **({"operation": operation} if operation else {}),
        },
        "request_id_extension": {"typed_config": typed(ids, pack_trace_reason=False, use_request_id_for_trace_sampling=False)},
    }


def cluster(export: Export, folder: RuntimeDir, authorities: str) -> list[Node]:
    """Give the cluster of the collector, where there is one."""
    target = export.traces
    if target is None:
        return []
    # What the environment wants sent along may be a key, so it is kept as provider keys are: in files, and out of Envoy's admin.
    filters = [part for name, (header, _) in header_secrets(export).items() for part in injected(name, header, folder)]
    made = host(OTLP, target.upstream, target.authorities or authorities, filters, http2=target.protocol is Protocol.GRPC)
    if target.upstream.tls and target.certificate:
        files = {"certificate_chain": {"filename": target.certificate}, "private_key": {"filename": target.key}}
        made["transport_socket"]["typed_config"]["common_tls_context"]["tls_certificates"] = [files]
    return [made]


def _provider(export: Export, target: Target) -> Node:
    timeout = seconds(min(target.timeout_s, 5.0))
    if target.protocol is Protocol.GRPC:
        service = {"grpc_service": {"envoy_grpc": {"cluster_name": OTLP}, "timeout": timeout}}
    else:
        uri = f"http{'s' if target.upstream.tls else ''}://{target.upstream.authority}{target.path}"
        service = {"http_service": {"http_uri": {"uri": uri, "cluster": OTLP, "timeout": timeout}}}
    attributes = {name: value for name, value in export.resource.items() if not name.startswith("service.")}
    static = "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig"
    detector = extension("envoy.tracers.opentelemetry.resource_detectors.static_config", static, attributes=attributes)
    return extension(
        "envoy.tracers.opentelemetry",
        "envoy.config.trace.v3.OpenTelemetryConfig",
        service_name="envoy",
        max_cache_size=_CACHE,
        **service,
        **({"resource_detectors": [detector]} if attributes else {}),
        sampler=_sampler(export.sampling),
    )


def _sampler(sampling: Sampling) -> Node:
    """Give the sampler: what a client wants comes first, unless told otherwise; of what begins here probes are never kept."""
    kind = "envoy.extensions.tracers.opentelemetry.samplers.v3"
    path = {"select_expr": {"operand": {"ident_expr": {"name": "request"}}, "field": "path"}}
    no_probe = {"call_expr": {"function": "_!=_", "args": [path, {"const_expr": {"string_value": runtime.PROBE_PATH}}]}}
    percent = {"numerator": round(sampling.share * 1e6), "denominator": "MILLION"}
    drawn = (
        extension(f"{_SAMPLER}.cel", f"{kind}.CELSamplerConfig", expression={"cel_expr_parsed": {"expr": no_probe}})
        if sampling.share >= 1.0
        else extension(f"{_SAMPLER}.trace_id_ratio_based", f"{kind}.TraceIdRatioBasedSamplerConfig", sampling_percentage=percent)
    )
    return extension(f"{_SAMPLER}.parent_based", f"{kind}.ParentBasedSamplerConfig", wrapped_sampler=drawn) if sampling.follows else drawn
