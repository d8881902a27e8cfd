"""Every expression of a rule or a dashboard parses, and reads what a service really measures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import promql_parser
import pytest
from promql_parser import MatchOp
from tests.monitoring.rule_files import (
    PANEL_QUERIES,
    RECORDS,
    RULES,
    PanelQuery,
    Rule,
    result_labels,
    selectors,
)

from autodeal_gateway.domain.route_table import FORWARDED_ROUTES

if TYPE_CHECKING:
    from tests.monitoring.conftest import Metrics

SCRAPED = {"namespace", "job", "endpoint", "pod"}
"""Labels that the scrape adds to every series; the charts' ServiceMonitors make the chart's name the job."""
ENDPOINTS = {"http", "metrics"}
"""The ports' names: of serving pods, and of workers."""
OF_THE_CLUSTER = {
    "kube_deployment_status_replicas_available": {"namespace", "deployment"},
    "kube_job_status_failed": {"namespace", "job_name"},
}
"""Measured by kube-state-metrics, which the operating guide installs."""
ROUTES_OF_PEOPLE = {"/user", "/login"}


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_rule_reads_what_is_measured_when_checked(rule: Rule, metrics_of: dict[str, Metrics]) -> None:
    for selector in selectors(rule.expr):
        check_selector(selector, metrics_of)
        own = [each.value for each in selector.matchers.matchers if each.name == "namespace"]
        assert own == ["NAMESPACE"], f"{selector.name} is read of every installation in the cluster"
        assert "pod" not in {each.name for each in selector.matchers.matchers}, "a release may have any name"


@pytest.mark.parametrize("query", PANEL_QUERIES, ids=str)
def test_panel_reads_what_is_measured_when_checked(query: PanelQuery, metrics_of: dict[str, Metrics]) -> None:
    expr = promql_parser.parse(query.text)
    for selector in selectors(expr):
        check_selector(selector, metrics_of)
        assert any(matcher.name == "namespace" for matcher in selector.matchers.matchers), query.text
    told = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
    aggregated = isinstance(expr, promql_parser.AggregateExpr | promql_parser.BinaryExpr)
    if aggregated or any(selector.name in RECORDS for selector in selectors(expr)):
        assert told <= result_labels(expr), query.legend


@pytest.mark.parametrize("record", RECORDS.values(), ids=str)
def test_recorded_series_belongs_to_the_chart_that_records_it(record: Rule) -> None:
    assert record.name.split(":")[0] == record.service


def test_every_recorded_series_is_read_by_somebody() -> None:
    texts = [rule.body["expr"] for rule in RULES] + [query.text for query in PANEL_QUERIES]
    idle = [name for name in RECORDS if not any(name in text for text in texts)]
    assert not idle


def check_selector(selector: promql_parser.VectorSelector, metrics_of: dict[str, Metrics]) -> None:
    """Hold the name, the labels and the labels' values of a selector against the code."""
    name = selector.name
    assert name is not None
    matchers = selector.matchers.matchers
    if name in OF_THE_CLUSTER:
        assert {matcher.name for matcher in matchers} <= OF_THE_CLUSTER[name]
        return
    if name in RECORDS:
        assert {matcher.name for matcher in matchers} <= result_labels(RECORDS[name].expr), name
        return
    services = services_of(selector)
    measuring = [service for service in services if name in metrics_of[service]]
    assert measuring, f"{name} is measured by none of {services}"
    metric = metrics_of[measuring[0]][name]
    assert {matcher.name for matcher in matchers} <= {*metric["labels"], *SCRAPED}, name
    for matcher in matchers:
        if matcher.name in metric["labels"] and metric["begun"]:
            begun = {values[metric["labels"].index(matcher.name)] for values in metric["begun"]}
            assert any(fits(matcher, value) for value in begun), f"{name}: nothing fits {matcher.value}"
        if matcher.name == "endpoint":
            assert matcher.value in ENDPOINTS, name
        if matcher.name == "route":
            routes = {route.template for route in FORWARDED_ROUTES} | ROUTES_OF_PEOPLE
            assert any(fits(matcher, route) for route in routes), matcher.value


def services_of(selector: promql_parser.VectorSelector) -> list[str]:
    """Return the services whose pods a selector reads; all when it does not say."""
    for matcher in selector.matchers.matchers:
        if matcher.name in {"job", "relay"}:
            return [matcher.value]
        if matcher.name == "group":
            return [matcher.value.removeprefix("autodeal-")]
    return ["vehicle", "payment", "gateway"]


def fits(matcher: promql_parser.Matcher, value: str) -> bool:
    if matcher.op == MatchOp.Re:
        return re.fullmatch(matcher.value, value) is not None
    return bool(matcher.value == value)
