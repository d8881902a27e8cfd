"""The volume that `skaffold dev` writes to: how it is filled, and that nothing else turns it on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.charts.choose_cases import ENVIRONMENTS, LIVE_SYNC
from tests.charts.render_charts import SERVICES, Case, render


def test_the_volume_is_the_image_again_when_a_pod_starts_again(charts: Path, tmp_path: Path) -> None:
    release = render(Case("vehicle", "live-sync", ("values-dev.yaml",), LIVE_SYNC), charts / "vehicle")
    deployment = release.one("Deployment", "vehicle-http")
    assert deployment is not None
    (container,) = deployment["spec"]["template"]["spec"]["initContainers"]
    app, copied = tmp_path / "app", tmp_path / "copy" / "app"
    (app / "bin").mkdir(parents=True)
    (app / "module.py").write_text("of the image")
    (app / "bin" / "python").symlink_to("/nowhere/python")
    copied.parent.mkdir()
    script = container["args"][0].replace('"/', f'"{tmp_path}/')

    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], check=True)
        assert (copied / "module.py").read_text() == "of the image"
        assert (copied / "bin" / "python").readlink() == Path("/nowhere/python")
        (copied / "module.py").write_text("changed")


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("chart", SERVICES)
def test_no_values_file_lets_code_be_changed(chart: str, name: str) -> None:
    assert Case(chart, name, (f"values-{name}.yaml",)).values["liveSync"] == {"enabled": False}
