"""What helm itself says: lint, notes, and packages that hold what they need."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.charts.choose_cases import ENVIRONMENTS
from tests.charts.conftest import HELMS
from tests.charts.render_charts import CHARTS, NAMESPACE, PROGRAMS, SERVICES, Case, render_text, run


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("chart", SERVICES)
def test_lint_finds_nothing(charts: Path, chart: str, name: str, helm: str) -> None:
    values = CHARTS / chart / f"values-{name}.yaml"
    said = run(
        [PROGRAMS / helm, "lint", "--strict", "--kube-version", "1.35.0", "--values", values, charts / chart]
    )
    assert "0 chart(s) failed" in said


@pytest.mark.parametrize("chart", SERVICES)
def test_notes_say_what_to_do_next_and_what_is_switched_off(charts: Path, chart: str) -> None:
    plain = notes(charts, chart, "arm64.required=true")
    assert f"is installed as {chart} in {NAMESPACE}" in plain
    assert f"helm test {chart} --namespace {NAMESPACE}" in plain
    assert f"kubectl --namespace {NAMESPACE} get pods --selector app.kubernetes.io/instance={chart}" in plain
    assert ("dlq list" in plain) == (chart != "gateway")
    assert "arm64.required" not in plain
    assert "networkPolicy.enabled" not in plain
    warned = notes(charts, chart, "arm64.required=false,networkPolicy.enabled=false")
    assert "set arm64.required" in warned
    assert "set networkPolicy.enabled" in warned


def notes(charts: Path, chart: str, given: str) -> str:
    """Return the notes that an installation would print."""
    command: list[str | Path] = [PROGRAMS / "helm", "install", chart, charts / chart, "--dry-run=client"]
    command += ["--namespace", NAMESPACE, "--values", CHARTS / chart / "values-dev.yaml", "--set", given]
    return run(command).partition("NOTES:")[2]


@pytest.mark.parametrize("chart", SERVICES)
def test_package_holds_what_a_render_needs(charts: Path, chart: str, tmp_path: Path) -> None:
    run([PROGRAMS / "helm", "package", charts / chart, "--destination", tmp_path])
    (package,) = tmp_path.glob("*.tgz")
    said = render_text(Case(chart, "live", ("values-live.yaml",)), package)
    assert "kind: PrometheusRule" in said or not list((charts / chart).glob("rules/*.yaml"))
    assert "kind: Deployment" in said
