"""Makes the Grafana dashboard: `docs/generate.py` writes k8s/observability/grafana-dashboard.json from it. Grafana 10 or newer reads it.

Panels fill rows of 24 columns from left to right.
"""

from __future__ import annotations

import json
from typing import Any

from tools.observability.panels import ROWS, Panel

_WIDTH = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_OUTCOMES = {
    "SKIPPED": "green",
    "ACCEPTED": "light-green",
    "ENHANCED": "blue",
    "DIRECT": "purple",
    "RESCUED": "yellow",
    "FALLBACK": "orange",
    "FAILED": "red",
    "BYPASSED": "text",
}


def dashboard() -> str:
    """Give the dashboard's JSON, as Grafana imports and provisions it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS:
        panels.append(_place({"type": "row", "title": title, "collapsed": False, "panels": []}, len(panels), 0, top, _WIDTH, 1))
        top += 1
        height = 4 if all(panel.form == "stat" for panel in row) else 8
        left = 0
        for panel in row:
            if left + panel.width > _WIDTH:
                left, top = 0, top + height
            panels.append(_place(_panel(panel), len(panels), left, top, panel.width, height))
            left += panel.width
        top += height
    whole = {
        "uid": "cascade-extproc",
        "title": "LLM cascade",
        "description": "What cascade-extproc decides, what it saves, and how it feels.",
        "tags": ["cascade-extproc", "llm", "envoy"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _VARIABLES},
        "panels": panels,
    }
    return json.dumps(whole, indent=1) + "\n"


_VARIABLES: list[dict[str, Any]] = [
    {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
    {
        "name": "job",
        "label": "Job",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"qryType": 1, "query": "label_values(cascade_build_info, job)", "refId": "job"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    },
]


def _place(panel: dict[str, Any], number: int, left: int, top: int, width: int, height: int) -> dict[str, Any]:
    return {"id": number + 1, **panel, "gridPos": {"x": left, "y": top, "w": width, "h": height}}


def _panel(panel: Panel) -> dict[str, Any]:
    now = panel.form in {"stat", "bargauge", "table"}
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": _SOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": now,
            "range": not now,
            "format": {"table": "table", "heatmap": "heatmap"}.get(panel.form, "time_series"),
            "exemplar": panel.form == "timeseries" and "histogram_quantile" in query.expr,
        }
        for index, query in enumerate(panel.queries)
    ]
    made = {"type": panel.form, "title": panel.title, "description": panel.about, "datasource": _SOURCE, "targets": targets}
    return made | {"options": _OPTIONS.get(panel.form, {}), "fieldConfig": {"defaults": _defaults(panel), "overrides": _colours(panel)}}


_OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"},
    "bargauge": {"reduceOptions": {"calcs": ["lastNotNull"]}, "orientation": "horizontal", "displayMode": "basic"},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
    "heatmap": {"calculate": False, "yAxis": {"unit": "s"}, "color": {"mode": "scheme", "scheme": "Blues"}},
}


def _defaults(panel: Panel) -> dict[str, Any]:
    drawn = {"lineWidth": 1, "fillOpacity": 70 if panel.stacked else 8, "stacking": {"mode": "normal" if panel.stacked else "none"}}
    return {"unit": panel.unit, "noValue": "–"} | ({"custom": drawn} if panel.form == "timeseries" else {})


def _colours(panel: Panel) -> list[dict[str, Any]]:
    """The same colour for an outcome everywhere."""
    if not any("{{outcome}}" in query.legend for query in panel.queries):
        return []
    return [
        {
            "matcher": {"id": "byRegexp", "options": f"/^(\\S+ )?{outcome}( p95)?$/"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for outcome, colour in _OUTCOMES.items()
    ]
