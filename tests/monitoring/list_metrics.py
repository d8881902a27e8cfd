"""Prints what a service measures, as JSON: `python -m tests.monitoring.list_metrics SERVICE`.

A process of its own imports all of the service and nothing else, and reads the registry that `/metrics`
would answer with.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

from prometheus_client import REGISTRY

SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "gauge": ("",),
}


def list_metrics(service: str) -> dict[str, dict[str, object]]:
    """Return each series' name with its labels and with the values that it begins with, if any."""
    package = importlib.import_module(f"autodeal_{service}")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, dict[str, object]] = {}
    for collector in list(REGISTRY._collector_to_names):
        kind = getattr(collector, "_type", None)
        if kind not in SUFFIXES:
            continue
        labels = list(collector._labelnames)  # type: ignore[attr-defined]  # of every metric class
        begun = [list(values) for values in collector._metrics] if labels else []  # type: ignore[attr-defined]
        for suffix in SUFFIXES[kind]:
            extra = ["le"] if suffix == "_bucket" else []
            found[collector._name + suffix] = {"labels": labels + extra, "begun": begun}  # type: ignore[attr-defined]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list_metrics(sys.argv[1])))
