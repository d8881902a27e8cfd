"""Every metric of messaging is in the operators' table as it is, and the table promises no other."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import prometheus_client
from prometheus_client.metrics import MetricWrapperBase

import autodeal_messaging

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"
ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*) \| [^|]+ \|$", re.MULTILINE)
PREFIXES = (
    "outbox_",
    "consumer_",
    "commit_to_handled_",
    "inbox_",
    "deadlines_",
    "parked_",
    "dead_",
    "replayed_",
)
"""Names that messaging has taken; what other packages measure is not this test's affair."""
BOUNDED_LABELS = {"relay", "topic", "group", "consumer", "kind", "error", "why", "outcome"}
"""Labels whose values are few; ids and keys would make a series each."""


def metrics() -> Iterator[MetricWrapperBase]:
    for module in pkgutil.walk_packages(autodeal_messaging.__path__, "autodeal_messaging."):
        importlib.import_module(module.name)
    for collector in set(prometheus_client.REGISTRY._names_to_collectors.values()):
        if isinstance(collector, MetricWrapperBase) and collector._name.startswith(PREFIXES):
            yield collector


def exposed(metric: MetricWrapperBase) -> str:
    return f"{metric._name}_total" if metric._type == "counter" else metric._name


def test_table_names_every_metric_as_it_is() -> None:
    measured = {(exposed(one), one._type, ", ".join(one._labelnames)) for one in metrics()}
    told = {
        (name, kind, labels.strip())
        for name, kind, labels in ROW.findall(PAGE.read_text(encoding="utf-8"))
        if name.startswith(PREFIXES)
    }
    assert measured == told


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in metrics():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", metric._name), metric._name
        assert not re.search(r"_(ms|milliseconds|minutes|bytes_kb|count|sum|bucket|total)$", metric._name)
        assert set(metric._labelnames) <= BOUNDED_LABELS, metric._name
        assert metric._documentation.endswith("."), metric._name
