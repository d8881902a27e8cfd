"""What each service measures, read once from its own code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from tests.monitoring.rule_files import ROOT

Metrics = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def metrics_of() -> dict[str, Metrics]:
    return {service: read_metrics(service) for service in ("vehicle", "payment", "gateway")}


def read_metrics(service: str) -> Metrics:
    command = [sys.executable, "-m", "tests.monitoring.list_metrics", service]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: Metrics = json.loads(run.stdout)
    return found
