"""What helm says after an installation: what to do next, and what is switched off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.charts.render_charts import CHARTS, NAMESPACE, PROGRAMS, Case, run


def notes_complaints(case: Case, chart: Path) -> Iterator[str]:
    """Return what the notes lack or say unasked."""
    name, values, found = case.chart, case.values, notes(case, chart)
    command = f"kubectl --namespace {NAMESPACE}"
    tag = values["image"]["tag"] or "0.1.0"
    wanted = {
        f"{name} {tag} is installed as {name} in {NAMESPACE}.": True,
        "Next:": True,
        f"helm test {name} --namespace {NAMESPACE}": True,
        f"{command} get pods --selector app.kubernetes.io/instance={name}": True,
        f"{command} exec deploy/{name}-worker -- autodeal-{name} dlq list": "worker" in values,
        "set arm64.required": not values["arm64"]["required"],
        "set networkPolicy.enabled": not values["networkPolicy"]["enabled"],
    }
    for text, expected in wanted.items():
        if (text in found) is not expected:
            yield f"the notes {'lack' if expected else 'say'}: {text}"


def notes(case: Case, chart: Path) -> str:
    """Return the notes that an installation would print."""
    command: list[str | Path] = [PROGRAMS / "helm", "install", case.chart, chart, "--dry-run=client"]
    command += ["--namespace", NAMESPACE]
    for name in case.files:
        command += ["--values", CHARTS / case.chart / name]
    return run([*command, "--values", "-"], yaml.safe_dump(case.overlay)).partition("NOTES:")[2]
