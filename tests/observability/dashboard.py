"""What the dashboard and the alert rules ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.system import ROOT

FOLDER = ROOT / "k8s/observability"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
RULES: list[dict[str, Any]] = YAML(typ="safe").load(FOLDER / "alerts.yaml")["groups"][0]["rules"]
TESTS: list[dict[str, Any]] = YAML(typ="safe").load(FOLDER / "alerts_test.yaml")["tests"]


def panels() -> list[dict[str, Any]]:
    """All panels that show something."""
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def questions(job: str = ".*", interval: str = "5m", span: str = "1h") -> dict[str, list[str]]:
    """The PromQL of every panel, with Grafana's variables filled in."""
    fill = {"$job": job, "$__rate_interval": interval, "$__range": span}

    def filled(expr: str) -> str:
        for name, value in fill.items():
            expr = expr.replace(name, value)
        assert "$" not in expr, expr
        return expr

    return {panel["title"]: [filled(target["expr"]) for target in panel["targets"]] for panel in panels()}


_SELECTOR = re.compile(r"\b(cascade_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(?:=|=~)"([^"]*)"')


def selectors(expr: str) -> list[tuple[str, dict[str, list[str]]]]:
    """Our metrics in an expression: name, and by label the values that `=` and `=~` ask for, as far as they are plain words."""
    return [(name, {label: _words(value) for label, value in _MATCHER.findall(inner)}) for name, inner in _SELECTOR.findall(expr)]


def _words(value: str) -> list[str]:
    return [one for one in value.split("|") if re.fullmatch(r"\w+", one)]


def grouped(expr: str) -> set[str]:
    """The labels that an expression adds up by."""
    return {label for inner in re.findall(r"\bby \(([^)]*)\)", expr) for label in inner.replace(" ", "").split(",")}


def write_rules(path: Path, expressions: list[str]) -> None:
    """Write recording rules that promtool can check the syntax of."""
    rules = [{"record": f"checked:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
