"""Every pod of a release: those of Deployments, of hook Jobs and of `helm test`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.charts.render_charts import Json, Release


@dataclass(frozen=True)
class FoundPod:
    """A pod as it will be made, and what makes it."""

    component: str
    owner: Json
    labels: Json
    annotations: Json
    spec: Json

    @property
    def container(self) -> Json:
        """The one container."""
        (only,) = self.spec["containers"]
        return dict(only)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that stand in the pod itself."""
        return {each["name"]: each["value"] for each in self.container.get("env", [])}


def find_pods(release: Release) -> Iterator[FoundPod]:
    """Return every pod of a release."""
    return pods_of(release.objects)


def pods_of(objects: Sequence[Json]) -> Iterator[FoundPod]:
    """Return every pod that these objects are or make."""
    for owner in objects:
        if owner["kind"] in ("Deployment", "Job"):
            template = owner["spec"]["template"]
            meta, spec = template["metadata"], template["spec"]
        elif owner["kind"] == "Pod":
            meta, spec = owner["metadata"], owner["spec"]
        else:
            continue
        component = owner["metadata"]["name"].rpartition("-")[2]
        yield FoundPod(component, owner, meta["labels"], meta.get("annotations", {}), spec)


def is_live_synced(pod: FoundPod, release: Release) -> bool:
    """Tell whether a tool may change a pod's code: the values say so, and it is no hook and no test."""
    return bool(release.values["liveSync"]["enabled"]) and pod.owner["kind"] == "Deployment"


def matches(selector: Json, labels: Json) -> bool:
    """Tell whether a label selector chooses a pod; an empty one chooses all."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(
        labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", [])
        if each["operator"] == "In"
    )
