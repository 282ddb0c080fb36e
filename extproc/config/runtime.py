"""The private runtime folder: where the sockets, the secrets and the generated bootstrap lie. Names only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from extproc.core.vocabulary import PROBE_PATH, TARGET_HEADER

__all__ = ["COUNTS_NAMESPACE", "DEFAULT", "METADATA_NAMESPACE", "PROBE_PATH", "SPAN_TAG", "TARGET_HEADER", "USAGE_NAMESPACE", "RuntimeDir"]

DEFAULT = Path("/var/run/cascade-extproc")

METADATA_NAMESPACE = "extproc.cascade"
"""Dynamic-metadata namespace of a decision (`core.records.Note`). Its keys, all strings: `outcome`, `model`, `rules` and
`trace_id`, which Envoy copies into the response headers `x-cascade-…`, `calls` (JSON), and `more`: all of it but the calls. They go
into the access log."""

SPAN_TAG = "span"
"""Custom tag of the access log that names Envoy's span of a request: trace id, span id and `traceparent` as they were at its end."""

USAGE_NAMESPACE = "envoy.ai.token_usage"
"""Typed filter metadata in which Envoy's `ai_protocol_manager` leaves an `envoy.data.ai.v3.TokenUsage`."""

COUNTS_NAMESPACE = "extproc.usage"
"""Dynamic-metadata namespace in which the filters `json_to_metadata` and `sse_to_metadata` leave counts of tokens, numbers all of them:
`input` (cached tokens included) or `fresh` (without them), `cached`, `written`, `output`, `reasoning`."""


@dataclass(frozen=True, slots=True)
class RuntimeDir:
    """Paths inside one runtime folder (mode 0700)."""

    root: Path

    @property
    def bootstrap(self) -> Path:
        """The Envoy bootstrap that `up` generates."""
        return self.root / "envoy.yaml"

    @property
    def config(self) -> Path:
        """The checked configuration that the workers read, so that all run on the same one."""
        return self.root / "config.json"

    @property
    def reload(self) -> Path:
        """How the configuration in use stands to the file that it came from."""
        return self.root / "reload.json"

    @property
    def state(self) -> Path:
        """What teams have spent, where the configuration names no other place."""
        return self.root / "state.sqlite"

    @property
    def metrics(self) -> Path:
        """Folder in which several workers share their metrics."""
        return self.root / "metrics"

    @property
    def decisions(self) -> Path:
        """The decision log, where the configuration names no other file."""
        return self.root / "decisions.sqlite"

    @property
    def heard(self) -> Path:
        """File that a worker touches when it hears of finished requests."""
        return self.root / "heard"

    @property
    def egress(self) -> Path:
        """Unix socket of Envoy's listener for the sidecar's own calls to models."""
        return self.root / "egress.sock"

    def worker(self, index: int) -> Path:
        """Unix socket of one sidecar worker: ext_proc and, on the transport `grpcio`, access log and health."""
        return self.root / f"worker-{index}.sock"

    def records(self, index: int, transport: str) -> Path:
        """Unix socket of one worker for access log and health; one of its own where the transport carries ext_proc alone."""
        return self.root / f"records-{index}.sock" if transport == "native" else self.worker(index)

    def secret(self, cluster: str) -> Path:
        """SDS file (mode 0600) with the provider key of one cluster; the secret in it is named like the cluster."""
        return self.root / "secrets" / f"{cluster}.yaml"
