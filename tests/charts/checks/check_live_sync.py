"""Code may change in a pod only where the values say so, and then by one container that fills one volume."""

from __future__ import annotations

from collections.abc import Iterator

from tests.charts.checks.check_pods import CONTAINER_SECURITY, image_of
from tests.charts.checks.find_pods import find_pods, is_live_synced
from tests.charts.render_charts import Json, Release

COPY = """\
import shutil
shutil.rmtree("/copy/app", ignore_errors=True)
shutil.copytree("/app", "/copy/app", symlinks=True)"""


def check_live_sync(release: Release) -> Iterator[str]:
    """One container runs before a pod's own, as tight as that; everywhere else there is none."""
    wanted: Json = {
        "name": "app-copy",
        "image": image_of(release),
        "imagePullPolicy": release.values["image"]["pullPolicy"],
        "command": ["/app/.venv/bin/python", "-c"],
        "args": [COPY],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "app", "mountPath": "/copy"}],
    }
    for pod in find_pods(release):
        before = pod.spec.get("initContainers")
        if before != ([wanted] if is_live_synced(pod, release) else None):
            yield f"{pod.owner['metadata']['name']}: runs {before} before its own container"
