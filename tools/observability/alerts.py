"""The alert rules as the Prometheus operator takes them: the same file as the `spec` of a PrometheusRule."""

from __future__ import annotations

from pathlib import Path

ALERTS = Path(__file__).parents[2] / "k8s/observability/alerts.yaml"
_HEAD = """\
# Made by `make generate` from alerts.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cascade-extproc
  labels: {app.kubernetes.io/name: cascade-extproc}
spec:
"""


def prometheus_rule() -> str:
    """Give the manifest; the rules are copied line by line, with their comments left out."""
    lines = [line for line in ALERTS.read_text().splitlines() if not line.startswith("#")]
    return _HEAD + "".join(f"  {line}".rstrip() + "\n" for line in lines)
