"""Charts built once a process, in a folder of their own, with the library as it stands now."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.charts.render_charts import CHARTS, PROGRAMS, SERVICES, run

HELMS = ("helm", *(("helm3",) if (PROGRAMS / "helm3").exists() else ()))
"""Helm 4, and Helm 3 where it can be had."""


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the charts with their dependency built."""
    if not (PROGRAMS / "helm").exists():
        pytest.fail("helm is not in .tools: make kubernetes-tools")
    folder = tmp_path_factory.mktemp("charts") / "charts"
    shutil.copytree(CHARTS, folder, ignore=shutil.ignore_patterns("charts"))
    for service in SERVICES:
        run([PROGRAMS / "helm", "dependency", "build", folder / service])
    return folder
