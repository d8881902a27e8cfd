"""What the charts say and the code says too: consumer groups, topics, routes, generated files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.charts.choose_cases import ENVIRONMENTS
from tests.charts.render_charts import ROOT, SERVICES, Case, chart_writer

from autodeal_contracts import topics
from autodeal_gateway.settings import Settings as GatewaySettings
from autodeal_payment.adapters.dynamodb_sale_store import CONSUMER as PAYMENT_GROUP
from autodeal_platform.probe_routes import PROBE_PATHS
from autodeal_platform.settings import describe_settings
from autodeal_vehicle.adapters.postgres.unit_of_work import CONSUMER as VEHICLE_GROUP

OPENAPI = ROOT / "services" / "gateway" / "src" / "autodeal_gateway" / "openapi.json"
READS = {
    "vehicle": (VEHICLE_GROUP, [topics.PAYMENT]),
    "payment": (PAYMENT_GROUP, [topics.SALE, topics.NOTIFICATION]),
}


@pytest.mark.parametrize("chart", READS)
def test_keda_follows_the_group_and_topics_that_the_code_consumes(chart: str) -> None:
    keda = Case(chart, "defaults").values["worker"]["keda"]
    assert (keda["consumerGroup"], keda["topics"]) == READS[chart]


def test_every_route_is_reachable_and_no_probe_is_when_people_come_through_the_ingress() -> None:
    prefixes = Case("gateway", "defaults").values["ingress"]["rest"]["paths"]

    def reachable(path: str) -> bool:
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)

    routes = set(json.loads(OPENAPI.read_text("utf-8"))["paths"]) - {"/webhook"}
    assert routes
    assert [route for route in sorted(routes | {"/docs", "/openapi.json"}) if not reachable(route)] == []
    assert [path for path in sorted(PROBE_PATHS | {"/webhook"}) if reachable(path)] == []
    for prefix in prefixes:
        assert any(route.startswith(prefix) for route in routes | {"/docs", "/openapi.json"}), prefix


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_gateway_outlives_its_longest_request_when_it_drains(name: str) -> None:
    settings = Case("gateway", name, (f"values-{name}.yaml",)).values["settings"]
    defaults = {field.env: field.default for field in describe_settings(GatewaySettings)}
    setting = "UPSTREAM_PROVIDER_TIMEOUT_SECONDS"
    longest = float(settings.get(setting) or defaults[setting] or 0)
    assert float(settings["HTTP_DRAIN_TIMEOUT_SECONDS"]) > longest


@pytest.mark.parametrize("chart", SERVICES)
def test_every_setting_of_the_code_is_a_value_or_a_secret_or_the_charts_own(chart: str) -> None:
    writer = chart_writer()
    properties = writer.values_schema(chart)["properties"]
    plain = set(properties["settings"]["properties"])
    secret = set(properties["secrets"]["properties"]["keys"]["propertyNames"]["enum"])
    assert plain | secret | writer.SET_BY_CHART == set(writer.settings_of(chart)) | writer.SET_BY_CHART
    assert plain & secret == set(writer.WITHOUT_PASSWORD) & secret


def test_schemas_and_readmes_are_fresh() -> None:
    command: list[str | Path] = [sys.executable, ROOT / "tools" / "write_charts.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
