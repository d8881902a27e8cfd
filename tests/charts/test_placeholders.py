"""A values file in which something of the operator's is missing: named, and not installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.charts.choose_cases import ENVIRONMENTS
from tests.charts.conftest import HELMS
from tests.charts.refuse_placeholders import placeholders, refused_values, stub_cluster
from tests.charts.render_charts import ROOT, SERVICES, Case

ACCOUNTS = ("sandbox", "live")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with stub_cluster() as address:
        yield address


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("chart", SERVICES)
def test_an_installation_names_what_is_missing_when_a_values_file_is_not_filled_in(
    charts: Path, cluster: str, chart: str, name: str, helm: str
) -> None:
    case = Case(chart, name, (f"values-{name}.yaml",))
    missing = placeholders(case.values)
    assert bool(missing) is (name != "dev")
    assert refused_values(case, charts / chart, cluster, helm=helm) == missing


@pytest.mark.parametrize("chart", SERVICES)
def test_an_installation_is_not_refused_when_the_operator_wants_it_so(
    charts: Path, cluster: str, chart: str
) -> None:
    case = Case(chart, "live", ("values-live.yaml",), {"allowPlaceholders": True})
    assert refused_values(case, charts / chart, cluster) == []


def test_guide_tells_where_each_value_comes_from_and_of_no_other() -> None:
    guide = (ROOT / "docs" / "operating.md").read_text("utf-8")
    table = guide.partition("| value | charts | where it comes from |")[2].partition("\n\n")[0]
    told = {
        (chart, value)
        for values, charts in re.findall(r"^ *\| (`.*?`) \| (.*?) \|", table, flags=re.MULTILINE)
        for value in re.findall(r"`(.+?)`", values)
        for chart in (SERVICES if charts == "all" else charts.split(", "))
    }
    missing = {
        (chart, value)
        for chart in SERVICES
        for name in ACCOUNTS
        for value in placeholders(Case(chart, name, (f"values-{name}.yaml",)).values)
    }
    assert told == missing
