"""The programs of the images as a user whom no image knows: charts and images agree on 10001 otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.cluster.place import Place
from tests.cluster.platform_install import SERVICES
from tests.cluster.verdicts import require, wait_until

USER = 54321
MIGRATED = ("vehicle-http", "payment-http")
"""Deployments whose service has a database: their pods can migrate it as well."""
READY_TIMEOUT = "120s"
END_SECONDS = 60.0
STOP = ("/app/.venv/bin/python", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")


@dataclass(frozen=True, kw_only=True)
class AnyUser:
    """Runs one more pod of each kind."""

    place: Place

    def run_all(self) -> str:
        """Serve, work and migrate once more; each must become ready, and end with 0 when told to stop."""
        deployments = list(self._deployments())
        lasting = [pod_of(deployment) for deployment in deployments]
        passing = [
            pod_of(deployment, "migrate")
            for deployment in deployments
            if deployment["metadata"]["name"] in MIGRATED
        ]
        names = [pod["metadata"]["name"] for pod in (*lasting, *passing)]
        pods = {"apiVersion": "v1", "kind": "List", "items": [*lasting, *passing]}
        try:
            self.place.kubectl("create", "--filename=-", stdin=json.dumps(pods))
            for pod in lasting:
                name = pod["metadata"]["name"]
                self.place.kubectl(
                    "wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={READY_TIMEOUT}"
                )
                self.place.kubectl("exec", name, "--", *STOP)
            for name in names:
                self._await_end(name)
        finally:
            self.place.kubectl("delete", "pod", *names, "--ignore-not-found", "--grace-period=1")
        return f"{', '.join(names)} as {USER}"

    def _await_end(self, name: str) -> None:
        def phase() -> str:
            found: str = self.place.read("pod", name)["status"]["phase"]
            return found

        wait_until(lambda: phase() in {"Succeeded", "Failed"}, f"the end of {name}", seconds=END_SECONDS)
        if phase() == "Failed":
            require(condition=False, otherwise=f"{name}: {self.place.kubectl('logs', name, '--tail=5')}")

    def _deployments(self) -> Iterator[dict[str, Any]]:
        for service in SERVICES:
            selector = f"--selector=app.kubernetes.io/instance={service}"
            yield from self.place.read("deployments", selector)["items"]


def pod_of(deployment: dict[str, Any], *command: str) -> dict[str, Any]:
    """Return a pod like the Deployment's, of another user, that ends once; maybe it does something else.

    Without its template's hash no ReplicaSet takes it for its own; policies take it for one of the service.
    """
    template = deployment["spec"]["template"]
    (container,) = template["spec"]["containers"]
    if command:
        container = {key: value for key, value in container.items() if not key.endswith("Probe")}
        container["args"] = list(command)
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), USER)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "-".join((deployment["metadata"]["name"], *command, "any-user")),
            "labels": template["metadata"]["labels"],
        },
        "spec": template["spec"]
        | {
            "restartPolicy": "Never",
            "containers": [container],
            "securityContext": template["spec"]["securityContext"] | ids,
        },
    }
