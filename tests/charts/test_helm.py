"""What helm itself says: lint, notes, and packages that hold what they need."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.charts.checks.check_links import hook_of
from tests.charts.checks.check_notes import notes_complaints
from tests.charts.choose_cases import ENVIRONMENTS, all_cases
from tests.charts.conftest import HELMS
from tests.charts.render_charts import CHARTS, PROGRAMS, SERVICES, Case, Json, render, render_text, run

WITH_NOTES = [case for case in all_cases() if case.name in ("dev", "live", "nothing")]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("chart", SERVICES)
def test_lint_finds_nothing(charts: Path, chart: str, name: str, helm: str) -> None:
    values = CHARTS / chart / f"values-{name}.yaml"
    said = run(
        [PROGRAMS / helm, "lint", "--strict", "--kube-version", "1.35.0", "--values", values, charts / chart]
    )
    assert "0 chart(s) failed" in said


@pytest.mark.parametrize(
    "case", [case for case in all_cases() if case.name in ("dev", "live", "nothing")], ids=str
)
def test_notes_say_what_to_do_next_and_what_is_switched_off(charts: Path, case: Case) -> None:
    assert list(notes_complaints(case, charts / case.chart)) == []


@pytest.mark.parametrize("chart", SERVICES)
def test_package_holds_what_a_render_needs(charts: Path, chart: str, tmp_path: Path) -> None:
    run([PROGRAMS / "helm", "package", charts / chart, "--destination", tmp_path])
    (package,) = tmp_path.glob("*.tgz")
    said = render_text(Case(chart, "live", ("values-live.yaml",)), package)
    assert "kind: PrometheusRule" in said or not list((charts / chart).glob("rules/*.yaml"))
    assert "kind: Deployment" in said


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("chart", SERVICES)
def test_no_hook_waits_for_what_comes_later_when_installed_first(charts: Path, chart: str, helm: str) -> None:
    """Helm makes one weight's hooks after the other, and of all hooks waits for the Jobs alone to end."""
    (case,) = (case for case in all_cases() if str(case) == f"{chart}-everything")
    found = render(case, charts / chart, helm=helm).objects
    hooks = [each for each in found if hook_of(each) == "pre-install,pre-upgrade"]
    steps: dict[int, list[str]] = {}
    for each in hooks:
        weight = int(each["metadata"]["annotations"]["helm.sh/hook-weight"])
        steps.setdefault(weight, []).append(each["metadata"]["name"])
    jobs = ["migrate", "topics"] if chart != "gateway" else ["topics"]
    assert [sorted(steps[weight]) for weight in sorted(steps)] == [
        [f"{chart}-migrate"] * 3,
        *([f"{chart}-{job}"] for job in jobs),
    ]
    assert {each["kind"] for each in hooks} == {"ServiceAccount", "ExternalSecret", "NetworkPolicy", "Job"}
    for each in hooks:
        if each["kind"] == "Job":
            (secret,) = secret_volumes(each)
            assert secret["secretName"] == f"{chart}-migrate"
            # The store fills the Secret a moment later: the kubelet starts the pod then, and not without it.
            assert secret["items"]
            assert "optional" not in secret


def secret_volumes(job: Json) -> list[Json]:
    """Return the volumes of a Job's pod that hold secrets."""
    volumes = job["spec"]["template"]["spec"]["volumes"]
    return [volume["secret"] for volume in volumes if "secret" in volume]
