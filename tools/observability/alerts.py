"""The alert rules told in other forms: as the Prometheus operator takes them, and as a table for the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

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
    """Give the manifest: the file as the `spec` of a PrometheusRule, line by line, without its comments."""
    lines = [line for line in ALERTS.read_text().splitlines() if not line.startswith("#")]
    return _HEAD + "".join(f"  {line}".rstrip() + "\n" for line in lines)


def runbook() -> str:
    """Give a table of all alerts and what to do about them."""
    rules = YAML(typ="safe", pure=True).load(ALERTS)["groups"][0]["rules"]
    rows = [(f"`{rule['alert']}`", rule["labels"]["severity"], _plain(rule), rule["annotations"]["runbook"]) for rule in rules]
    return "".join(f"| {' | '.join(row)} |\n" for row in (("alert", "severity", "when", "what to do"), ("---",) * 4, *rows))


def _plain(rule: dict[str, Any]) -> str:
    """The summary without the name of whom it concerns, and for how long it has to be so."""
    told = re.sub(r"^\{\{.*?\}\}: ", "", rule["annotations"]["summary"]).replace("{{ $value }}", "several")
    return f"{told}, for {rule['for']}" if rule["for"] != "0m" else told
