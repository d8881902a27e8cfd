"""The charts, with every values file and every switch, against the code and the API's schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.charts.checks.all_checks import complaints
from tests.charts.checks.check_schemas import check_schemas
from tests.charts.choose_cases import all_cases
from tests.charts.conftest import HELMS
from tests.charts.render_charts import KUBERNETES_VERSIONS, Case, render, render_text

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_wrong_when_rendered(charts: Path, case: Case) -> None:
    assert list(complaints(render(case, charts / case.chart))) == []


@pytest.mark.parametrize("kubernetes", KUBERNETES_VERSIONS[:-1])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_schemas_hold_when_the_cluster_is_older(charts: Path, case: Case, kubernetes: str) -> None:
    release = render(case, charts / case.chart, kubernetes=kubernetes)
    assert list(check_schemas(release, kubernetes)) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_manifests_are_the_same_when_rendered_again_by_any_helm(charts: Path, case: Case) -> None:
    texts = {render_text(case, charts / case.chart, helm=helm) for helm in (*HELMS, "helm")}
    assert len({text.replace("\n\n", "\n") for text in texts}) == 1
    assert render_text(case, charts / case.chart) in texts
