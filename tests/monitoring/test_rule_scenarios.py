"""The rules under Prometheus's own engine: each alert fires when it should and is silent when not.

`make promtool` brings the engine; without it these tests are skipped, but not in the pipeline.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.monitoring.rule_files import ALERTS, NAMESPACE, ROOT, RULE_FILES, filled

SCENARIOS = Path(__file__).parent / "scenarios"
BUILT = ROOT / ".tools" / "promtool" / "promtool"
DEFAULT_AFTER = "30m"


def find_promtool() -> str | None:
    return os.environ.get("PROMTOOL") or (str(BUILT) if BUILT.exists() else shutil.which("promtool"))


PROMTOOL = find_promtool()
with_promtool = pytest.mark.skipif(
    PROMTOOL is None and not os.environ.get("CI"), reason="promtool is not here: make promtool"
)


def read_scenarios(path: Path) -> dict[str, Any]:
    text = (SCENARIOS / path.name).read_text(encoding="utf-8").replace("SERVICE", path.parts[-3])
    found: dict[str, Any] = yaml.safe_load(filled(text))
    return found


def rule_tests(path: Path) -> Iterator[dict[str, Any]]:
    """Yield promtool's form of each scenario of a rule file."""
    for title, scenario in read_scenarios(path).items():
        alert = title.split(",")[0]
        after = scenario.get("after", DEFAULT_AFTER)
        yield as_test(f"{title} fires", alert, after, scenario["fires"], fires=True)
        for reason, series in scenario.get("silent", {}).items():
            yield as_test(f"{title} is silent: {reason}", alert, after, series, fires=False)
        misses = any(
            each.path == path and each.name == alert and "absent(" in each.body["expr"] for each in ALERTS
        )
        elsewhere = {
            name.replace(f'="{NAMESPACE}"', '="elsewhere"'): each for name, each in scenario["fires"].items()
        }
        yield as_test(f"{title}, in another namespace", alert, after, elsewhere, fires=misses)


def as_test(name: str, alert: str, after: str, series: dict[str, str], *, fires: bool) -> dict[str, Any]:
    firing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series_name, "values": values} for series_name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"count({firing}) > bool 0 or vector(0)",
                "eval_time": after,
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_alert_has_scenarios_of_both_kinds_when_counted(path: Path) -> None:
    scenarios = read_scenarios(path)
    alerts = {alert.name for alert in ALERTS if alert.path == path}
    assert {title.split(",")[0] for title in scenarios} == alerts
    assert {title for title, scenario in scenarios.items() if scenario.get("silent")} >= alerts


@with_promtool
@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_alerts_fire_and_stay_silent_when_played(path: Path, tmp_path: Path) -> None:
    rules, test_file = tmp_path / path.name, tmp_path / "rules.test.yaml"
    rules.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    test_file.write_text(
        yaml.safe_dump(
            {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": list(rule_tests(path))}
        )
    )
    run_promtool("check", "rules", str(rules))
    run_promtool("test", "rules", str(test_file))


def run_promtool(*arguments: str) -> None:
    assert PROMTOOL is not None, "promtool is not here: make promtool"
    run = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
