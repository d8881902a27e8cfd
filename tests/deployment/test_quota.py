"""The namespace's quota and limits have room for what runs there: in AWS, and in the cluster test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from tests.deployment.chart_facts import rendered
from tests.deployment.places import ENVIRONMENTS, SERVICES, Document, kustomized, only

CLUSTER_TEST = {"gateway": ("http.replicas=2",)} | dict.fromkeys(
    ("vehicle", "payment"), ("http.replicas=2", "worker.replicas=2")
)
"""What `tests/cluster` gives the charts besides the values of a developer's cluster."""


def cpu(quantity: Any) -> float:
    text = str(quantity)
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def mebibytes(quantity: str) -> float:
    units = {"Mi": 1, "Gi": 1024}
    return float(quantity[:-2]) * units[quantity[-2:]]


def containers(document: Document) -> Iterable[dict[str, Any]]:
    """Return the containers of the pods that a document makes or is."""
    kind = document["kind"]
    pod = document["spec"]["template"]["spec"] if kind in {"Deployment", "Job"} else document["spec"]
    found: list[dict[str, Any]] = pod["containers"]
    return found


def with_pods(documents: Iterable[Document]) -> list[Document]:
    """Return the documents that make pods."""
    return [each for each in documents if each["kind"] in {"Deployment", "Job", "Pod"}]


def fits(wanted: Iterable[tuple[float, Document]]) -> dict[str, tuple[float, float]]:
    """Return what so many pods of each document need of each thing, and what the quota has of it."""
    needed = dict.fromkeys(("pods", "requests.cpu", "requests.memory", "limits.memory"), 0.0)
    for count, document in wanted:
        needed["pods"] += count
        for container in containers(document):
            resources = container["resources"]
            needed["requests.cpu"] += count * cpu(resources["requests"]["cpu"])
            needed["requests.memory"] += count * mebibytes(resources["requests"]["memory"])
            needed["limits.memory"] += count * mebibytes(resources["limits"]["memory"])
    quota = only(kustomized("base"), "ResourceQuota")["spec"]["hard"]
    read = {name: mebibytes if name.endswith("memory") else cpu for name in needed}
    return {name: (need, read[name](quota[name])) for name, need in needed.items()}


@pytest.mark.parametrize("environment", [*ENVIRONMENTS, "dev"])
def test_quota_has_room_for_the_charts_at_their_largest_when_rolled_out(environment: str) -> None:
    wanted: list[tuple[float, Document]] = []
    for service in SERVICES:
        documents = rendered(service, environment)
        largest = {
            each["spec"]["scaleTargetRef"]["name"]: each["spec"].get("maxReplicas")
            or each["spec"]["maxReplicaCount"]
            for each in documents
            if each["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}
        }
        for each in documents:
            if each["kind"] == "Deployment":
                count = largest.get(each["metadata"]["name"]) or each["spec"]["replicas"]
                wanted.append((1.25 * count + 1, each))
    for name, (need, room) in fits(wanted).items():
        assert 0 < need <= room, name


def test_quota_has_room_for_the_cluster_test_at_its_worst() -> None:
    """At once: pods that end beside as many new ones, a surge, pods of any user, hooks with every retry."""
    wanted = [(1.0, each) for each in with_pods(kustomized("dev"))]
    for service in SERVICES:
        for each in with_pods(rendered(service, "dev", *CLUSTER_TEST[service])):
            if each["kind"] == "Deployment":
                assert each["spec"]["replicas"] == 2
                wanted.append((2 * each["spec"]["replicas"] + 1 + 2, each))
            else:
                wanted.append((1.0 + each["spec"].get("backoffLimit", 0), each))
    assert {each["kind"] for _, each in wanted} == {"Deployment", "Job", "Pod"}
    for name, (need, room) in fits(wanted).items():
        assert 0 < need <= room, name


@pytest.mark.parametrize("environment", [*ENVIRONMENTS, "dev"])
def test_no_container_is_larger_than_the_namespace_allows(environment: str) -> None:
    (limits,) = only(kustomized("base"), "LimitRange")["spec"]["limits"]
    assert limits["type"] == "Container"
    engines = with_pods(kustomized("dev")) if environment == "dev" else []
    for each in [*engines, *(one for name in SERVICES for one in with_pods(rendered(name, environment)))]:
        for container in containers(each):
            wanted = mebibytes(container["resources"]["limits"]["memory"])
            assert wanted <= mebibytes(limits["max"]["memory"]), each["metadata"]["name"]
