"""What is told and kept of the requests: the sections `telemetry` and `decisions`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.strict import Strict
from extproc.config.values import OtlpUrl, StateFile, TraceUrl


class Telemetry(Strict):
    """What leaves this process about the requests."""

    otlp_endpoint: OtlpUrl = Field(
        "",
        description="where traces and metrics go, gRPC or (port 4318, or a path) HTTP: http://jaeger:4317; "
        "empty = OTEL_EXPORTER_OTLP_ENDPOINT, or no export",
    )
    debug_headers: bool = Field(False, description="translated answers tell in `x-cascade-lossy` what of the request was lost")
    trace_url: TraceUrl = Field("", description="where a trace is shown, for links, for example http://127.0.0.1:16686/trace/{trace_id}")
    usage_source: Literal["ai_protocol_manager", "to_metadata"] = Field(
        "ai_protocol_manager",
        description="Envoy's filters that read the tokens of answers it carries; to_metadata: json_to_metadata and sse_to_metadata",
    )
    capture_content: bool = Field(
        False, description="prompts and answers stand in the spans of model calls; they never leave in telemetry unless true"
    )


class Decisions(Strict):
    """The decision log: the record of every request, in one SQLite file. The oldest go first."""

    path: StateFile = Field("", description="file that outlives the sidecar; empty = one in the runtime folder, which goes with it")
    max_rows: int = Field(100_000, ge=100, le=10_000_000, description="requests kept at most")
    max_age_s: float = Field(2_592_000, gt=0, le=315_360_000, description="how long a request is kept; default: 30 days")
    max_bytes: int = Field(268_435_456, ge=1_048_576, description="size of the file at most")
