"""Exactly the objects that the values ask for, each with the labels and the name that people look for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.charts.render_charts import Json, Release

LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
COMPONENTS = {"http", "worker", "migrate", "topics", "test"}


def expected_objects(release: Release) -> set[tuple[str, str]]:
    """Return the kind and name of all that the values ask for."""
    values, name = release.values, release.name
    found = {
        ("ServiceAccount", name),
        ("ServiceAccount", f"{name}-migrate"),
        ("ConfigMap", f"{name}-settings"),
    }
    found |= {("Deployment", f"{name}-http"), ("Service", name), ("Pod", f"{name}-test")}
    parts = ("http", "worker") if release.has_worker else ("http",)
    if values["disruptionBudget"]["enabled"]:
        found |= {("PodDisruptionBudget", f"{name}-{part}") for part in parts}
    if values["http"]["autoscaling"]["enabled"]:
        found.add(("HorizontalPodAutoscaler", f"{name}-http"))
    if release.has_worker:
        found |= {(kind, f"{name}-worker") for kind in ("Deployment", "Service")}
        if values["worker"]["keda"]["enabled"]:
            found.add(("ScaledObject", f"{name}-worker"))
            if values["worker"]["keda"]["mskIam"]:
                found.add(("TriggerAuthentication", f"{name}-worker"))
    if values["networkPolicy"]["enabled"]:
        found |= {("NetworkPolicy", f"{name}-{part}") for part in ("migrate", "test", *parts)}
    return found | _expected_hooks(release) | _expected_extras(release)


def _expected_hooks(release: Release) -> set[tuple[str, str]]:
    values, name = release.values, release.name
    found = {("Job", f"{name}-migrate")} if values["migrations"]["enabled"] else set()
    if values["topics"]["enabled"]:
        found.add(("Job", f"{name}-topics"))
    if values["secrets"]["externalSecret"]["enabled"]:
        if values["secrets"]["keys"]:
            found.add(("ExternalSecret", f"{name}-secrets"))
        if values["migrations"]["secretKeys"] or values["topics"]["secretKeys"]:
            found.add(("ExternalSecret", f"{name}-migrate"))
    return found


def _expected_extras(release: Release) -> set[tuple[str, str]]:
    values, name, folder = release.values, release.name, release.folder
    found: set[tuple[str, str]] = set()
    if values["monitoring"]["serviceMonitor"]["enabled"]:
        found.add(("ServiceMonitor", name))
    if values["monitoring"]["rules"]["enabled"]:
        found |= {("PrometheusRule", f"{name}-{path.stem}") for path in folder.glob("rules/*.yaml")}
    if values["monitoring"]["dashboards"]["enabled"]:
        found |= {("ConfigMap", f"{name}-dashboard-{path.stem}") for path in folder.glob("dashboards/*.json")}
    for way in ("rest", "webhook"):
        if values.get("ingress", {}).get(way, {}).get("enabled"):
            found.add(("Ingress", f"{name}-{way}"))
    return found


def check_objects(release: Release) -> Iterator[str]:
    """No object is missing, none is there twice and none is there unasked."""
    found = [(each["kind"], each["metadata"]["name"]) for each in release.objects]
    if len(found) != len(set(found)):
        yield f"an object is there twice: {sorted(found)}"
    wanted = expected_objects(release)
    for each in sorted(wanted - set(found)):
        yield f"{each} is missing"
    for each in sorted(set(found) - wanted):
        yield f"{each} is there unasked"


def check_labels(release: Release) -> Iterator[str]:
    """Objects and pods carry the recommended labels, and what belongs to a component says so."""
    version = release.values["image"]["tag"] or "0.1.0"
    for found in release.objects:
        name, labels = found["metadata"]["name"], found["metadata"].get("labels", {})
        yield from _wrong(name, labels, release, version)
        if labels.get("app.kubernetes.io/managed-by") != "Helm":
            yield f"{name} does not say who manages it"
        if labels.get("helm.sh/chart") != f"{release.case.chart}-0.1.0":
            yield f"{name} does not say which chart it is of"
        suffix = name.rpartition("-")[2]
        shared = found["kind"] in ("ConfigMap", "PrometheusRule", "Ingress", "ExternalSecret")
        if suffix in COMPONENTS and not shared and labels.get("app.kubernetes.io/component") != suffix:
            yield f"{name} is not labelled as {suffix}"
        template = found.get("spec", {}).get("template")
        if found["kind"] in ("Deployment", "Job"):
            yield from _wrong(f"{name}'s pod", template["metadata"]["labels"], release, version)
            if template["metadata"]["labels"].get("app.kubernetes.io/component") != suffix:
                yield f"{name}'s pod is not labelled as {suffix}"


def _wrong(name: str, labels: Json, release: Release, version: str) -> Iterator[str]:
    wanted = {"name": release.case.chart, "instance": release.name, "part-of": "autodeal", "version": version}
    for key, value in wanted.items():
        if labels.get(f"app.kubernetes.io/{key}") != value:
            yield f"{name}: the label {key} is not {value}"
    for value in labels.values():
        if not LABEL_VALUE.fullmatch(value):
            yield f"{name}: {value!r} is no label's value"
