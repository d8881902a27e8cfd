"""Dashboards as data, and how Grafana wants them written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GRID_COLUMNS = 24
PANEL_ROWS = 8
NUMBER_ROWS = 4
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One picture. In its expressions `NS` stands for the matcher of the chosen namespace."""

    title: str
    curves: Mapping[str, str]
    """Expressions by what their lines are called; `{{label}}` stands for a label's value."""
    unit: str = "short"
    """Grafana's name of the unit: short, s, reqps, percentunit, ops."""
    why: str = ""
    """What a reader should know, or conclude."""


@dataclass(frozen=True)
class Number(Panel):
    """A panel that shows the latest value alone, red from a value on."""

    red_from: float | None = None


@dataclass(frozen=True)
class Row:
    """Panels side by side under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A page; `uid` is its address in Grafana and never changes."""

    uid: str
    title: str
    rows: Sequence[Row]

    def to_json(self) -> str:
        """Return what Grafana imports."""
        return json.dumps(_document(self), indent=2, ensure_ascii=False) + "\n"


def _document(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["autodeal"],
        "schemaVersion": 39,
        "editable": False,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels(dashboard.rows)),
    }


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
        {
            "name": "namespace",
            "type": "query",
            "label": "Namespace",
            "datasource": DATASOURCE,
            "query": "label_values(http_request_duration_seconds_count, namespace)",
            "refresh": 2,
        },
    ]


def _panels(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for row in rows:
        number += 1
        heading = {"h": 1, "w": GRID_COLUMNS, "x": 0, "y": top}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": heading}
        top += 1
        width = GRID_COLUMNS // len(row.panels)
        height = max(NUMBER_ROWS if isinstance(panel, Number) else PANEL_ROWS for panel in row.panels)
        for column, panel in enumerate(row.panels):
            number += 1
            place = {"h": height, "w": width, "x": column * width, "y": top}
            yield {"id": number, "gridPos": place, **_panel(panel)}
        top += height


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": "stat" if isinstance(panel, Number) else "timeseries",
        "title": panel.title,
        "description": panel.why,
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "expr": expr.replace("{NS", '{namespace="$namespace"'),
                "legendFormat": legend,
            }
            for index, (legend, expr) in enumerate(panel.curves.items())
        ],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
    }


def _field(panel: Panel) -> dict[str, Any]:
    field: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if isinstance(panel, Number) and panel.red_from is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.red_from}]
        field["thresholds"] = {"mode": "absolute", "steps": steps}
    return field
