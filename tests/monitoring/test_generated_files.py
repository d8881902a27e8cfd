"""The generated rules and dashboards are fresh, and drawn so that Grafana shows all of them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.monitoring.rule_files import DASHBOARD_FILES, ROOT, RULE_FILES


def test_files_are_what_their_sources_say_when_checked() -> None:
    command = [sys.executable, "-m", "tools.write_monitoring", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_there_are_rules_and_a_dashboard_in_every_chart() -> None:
    charts = {"vehicle", "payment", "gateway"}
    assert {path.parts[-3] for path in RULE_FILES} == charts
    assert {path.parts[-3] for path in DASHBOARD_FILES} == charts


@pytest.mark.parametrize("path", DASHBOARD_FILES, ids=lambda path: path.stem)
def test_no_panel_hides_another_when_the_dashboard_is_drawn(path: Path) -> None:
    panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            )
        )
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
