"""The charts' rules and dashboards, and the expressions in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).parents[2]
NAMESPACE = "autodeal"
RELEASE = "shop"
"""Not the chart's name: alerts must not depend on what a release is called."""
RULE_FILES = sorted((ROOT / "charts").glob("*/rules/*.yaml"))
DASHBOARD_FILES = sorted((ROOT / "charts").glob("*/dashboards/*.json"))


def filled(text: str) -> str:
    """Return rules as the chart installs them."""
    return text.replace("NAMESPACE", NAMESPACE).replace("RELEASE", RELEASE)


@dataclass(frozen=True)
class Rule:
    """One rule of a chart, as it stands in its file."""

    path: Path
    body: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.body.get("alert") or self.body["record"])

    @property
    def service(self) -> str:
        return self.path.parts[-3]

    @property
    def expr(self) -> promql_parser.Expr:
        return promql_parser.parse(self.body["expr"])

    def __str__(self) -> str:
        return f"{self.service}-{self.path.stem}-{self.name}"


def _rules() -> Iterator[Rule]:
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for body in group["rules"]:
                yield Rule(path, body)


RULES = list(_rules())
ALERTS = [rule for rule in RULES if "alert" in rule.body]
RECORDS = {rule.name: rule for rule in RULES if "record" in rule.body}


@dataclass(frozen=True)
class PanelQuery:
    """One curve of a dashboard."""

    dashboard: str
    title: str
    text: str
    legend: str

    def __str__(self) -> str:
        return f"{self.dashboard}-{self.title}"


def _panel_queries() -> Iterator[PanelQuery]:
    for path in DASHBOARD_FILES:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield PanelQuery(path.stem, panel["title"], target["expr"], target["legendFormat"])


PANEL_QUERIES = list(_panel_queries())


def selectors(expr: promql_parser.Expr) -> list[promql_parser.VectorSelector]:
    """Return every metric that an expression reads."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(expr, visit)
    return found


def result_labels(expr: promql_parser.Expr) -> set[str]:
    """Return the labels that the aggregations of an expression leave, whichever side of it wins."""
    found: set[str] = set()

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            found.update(node.modifier.labels)
        elif isinstance(node, promql_parser.VectorSelector) and node.name in RECORDS:
            found.update(result_labels(RECORDS[node.name].expr))
        return True

    promql_parser.walk(expr, visit)
    return found
