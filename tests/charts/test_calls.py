"""What the services call in the cluster, and what lets them: one chart's values against another's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from tests.charts.checks.check_calls import refused_calls
from tests.charts.choose_cases import ENVIRONMENTS
from tests.charts.render_charts import (
    PROGRAMS,
    ROOT,
    SERVICES,
    Case,
    Json,
    Release,
    read_objects,
    render,
    run,
)

NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"

CUTS: list[tuple[str, Json, set[str]]] = [
    (
        "vehicle",
        {"ingress": {"gateway": {"podSelector": {"matchLabels": {NAME: "gatewya"}}}}},
        {"gateway-http, VEHICLE_URL: no policy of vehicle lets it in"},
    ),
    (
        "payment",
        {"ingress": {"gateway": {"podSelector": {"matchLabels": {COMPONENT: "worker"}}}}},
        {"gateway-http, PAYMENT_URL: no policy of payment lets it in"},
    ),
    (
        "payment",
        {
            "ingress": {
                "gateway": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}
            }
        },
        {"gateway-http, PAYMENT_URL: no policy of payment lets it in"},
    ),
    (
        "vehicle",
        {"ingress": {"gateway": None, "all": {"ipBlock": {"cidr": "10.0.0.0/8"}}}},
        {"gateway-http, VEHICLE_URL: no policy of vehicle lets it in"},
    ),
    (
        "gateway",
        {"egress": {"vehicle": {"ports": [80]}}},
        {"gateway-http, VEHICLE_URL: no policy lets it out to vehicle:80"},
    ),
    (
        "gateway",
        {
            "egress": {
                "payment": {"to": [{"podSelector": {"matchLabels": {NAME: "payment", COMPONENT: "web"}}}]}
            }
        },
        {"gateway-http, PAYMENT_URL: no policy lets it out to payment:80"},
    ),
]
"""A chart, a slip in its policy's values, and the calls that it would stop."""


def environment(charts: Path, name: str, overlays: dict[str, Json]) -> list[Release]:
    """Return all three releases as a values file makes them."""
    cases = [Case(each, name, (f"values-{name}.yaml",), overlays.get(each, {})) for each in SERVICES]
    return [render(case, charts / case.chart) for case in cases]


@cache
def engines() -> list[Json]:
    """Return what a developer's cluster has besides the charts."""
    return read_objects(run([PROGRAMS / "kubectl", "kustomize", ROOT / "k8s" / "dev"]))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_each_address_in_the_cluster_lets_its_callers_in_when_all_charts_are_installed(
    charts: Path, name: str
) -> None:
    releases = environment(charts, name, {})
    assert list(refused_calls(releases, engines() if name == "dev" else ())) == []


@pytest.mark.parametrize(("chart", "policy", "said"), CUTS, ids=lambda value: str(value)[:60])
def test_a_slip_in_one_charts_policy_is_noticed_when_another_calls_it(
    charts: Path, chart: str, policy: Json, said: set[str]
) -> None:
    releases = environment(charts, "live", {chart: {"networkPolicy": policy}})
    assert set(refused_calls(releases)) == said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://vehicel", "nothing listens at vehicel:80"),
        ("http://vehicle:8080", "nothing listens at vehicle:8080"),
        ("http://vehicle.elsewhere.svc", "nothing listens at vehicle.elsewhere.svc:80"),
        ("http://vehicle.autodeal.svc.cluster.local", None),
    ],
)
def test_an_address_at_which_nobody_listens_is_noticed(charts: Path, url: str, said: str | None) -> None:
    releases = environment(charts, "live", {"gateway": {"settings": {"VEHICLE_URL": url}}})
    assert list(refused_calls(releases)) == ([f"gateway-http, VEHICLE_URL: {said}"] if said else [])


def test_an_engine_that_lets_nobody_in_is_noticed_when_services_call_it(charts: Path) -> None:
    shut = [each for each in engines() if each["metadata"]["name"] != "engines"]
    said = set(refused_calls(environment(charts, "dev", {}), shut))
    assert "vehicle-worker, KAFKA_BOOTSTRAP_SERVERS: no policy of kafka lets it in" in said
