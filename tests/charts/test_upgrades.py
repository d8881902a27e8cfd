"""What changes between two renders, and what must not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.charts.render_charts import SERVICES, Case, Json, render


def checksum(charts: Path, chart: str, overlay: Json) -> str:
    release = render(Case(chart, "changed", ("values-dev.yaml",), overlay), charts / chart)
    deployment = release.one("Deployment", f"{chart}-http")
    assert deployment is not None
    return str(deployment["spec"]["template"]["metadata"]["annotations"]["checksum/settings"])


@pytest.mark.parametrize("chart", SERVICES)
def test_pods_restart_when_a_setting_changes_and_not_when_replicas_do(charts: Path, chart: str) -> None:
    before = checksum(charts, chart, {})
    assert checksum(charts, chart, {"settings": {"LOG_LEVEL": "DEBUG"}}) != before
    assert checksum(charts, chart, {"http": {"replicas": 5}}) == before


@pytest.mark.parametrize("chart", SERVICES)
def test_selectors_stay_when_the_image_changes(charts: Path, chart: str) -> None:
    """A Deployment's selector cannot be changed: an upgrade that tried would fail."""
    selectors = []
    for tag in ("one", "two"):
        release = render(
            Case(chart, "changed", ("values-dev.yaml",), {"image": {"tag": tag}}), charts / chart
        )
        selectors.append([each["spec"]["selector"] for each in release.of("Deployment")])
    assert selectors[0] == selectors[1]
    assert "version" not in str(selectors[0])
