"""What a running platform must bear without anybody noticing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

from tests.cluster.place import CommandError, Place
from tests.cluster.platform_install import SERVICES, PlatformInstall
from tests.cluster.verdicts import wait_until

ROLLOUT_TIMEOUT = "240s"
EVICTION_SECONDS = 240.0


@dataclass(frozen=True, kw_only=True)
class Disturbances:
    """Each returns once the cluster is whole again."""

    place: Place
    platform: PlatformInstall

    def upgrade_all(self) -> str:
        """Upgrade every release with another setting, so that every pod is replaced."""
        return ", ".join(
            self.platform.upgrade(service, "--set-string=settings.LOG_LEVEL=WARNING") for service in SERVICES
        )

    def roll_back_all(self) -> str:
        """Return every release to the revision before."""
        return ", ".join(self.platform.roll_back(service) for service in SERVICES)

    def delete_a_pod_of_each(self) -> str:
        """Delete one pod of each Deployment."""
        doomed = [self.place.pod_names(selector)[0] for selector in self._selectors()]
        self.place.kubectl("delete", "pod", *doomed, "--wait=false")
        self._await_whole()
        return f"{len(doomed)} pods"

    def kill_a_worker_of_each(self) -> str:
        """End a worker without a moment's notice, as a lost node does."""
        selectors = [selector for selector in self._selectors() if "=worker" in selector]
        doomed = [self.place.pod_names(selector)[0] for selector in selectors]
        self.place.kubectl("delete", "pod", *doomed, "--grace-period=0", "--force", "--wait=false")
        self._await_whole()
        return f"{len(doomed)} pods"

    def evict_all(self) -> str:
        """Evict every pod one by one, as a drain does: again and again while a budget forbids it."""
        doomed = [name for selector in self._selectors() for name in self.place.pod_names(selector)]
        for name in doomed:
            wait_until(partial(self._evict, name), f"eviction of {name}", seconds=EVICTION_SECONDS)
        self._await_whole()
        return f"{len(doomed)} pods"

    def restart_all(self) -> str:
        """Restart every Deployment, rolling."""
        names = self._deployments()
        self.place.kubectl("rollout", "restart", *names)
        self._await_whole()
        return f"{len(names)} deployments"

    def _evict(self, name: str) -> bool:
        metadata = {"name": name, "namespace": self.place.namespace}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = f"/api/v1/namespaces/{self.place.namespace}/pods/{name}/eviction"
        try:
            self.place.kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps(eviction))
        except CommandError as error:
            if "disruption budget" in str(error):
                return False
            raise
        return True

    def _await_whole(self) -> None:
        for name in self._deployments():
            self.place.kubectl("rollout", "status", name, f"--timeout={ROLLOUT_TIMEOUT}")

    def _deployments(self) -> list[str]:
        return [
            f"deployment/{deployment['metadata']['name']}"
            for service in SERVICES
            for deployment in self.place.read(
                "deployments", f"--selector=app.kubernetes.io/instance={service}"
            )["items"]
        ]

    def _selectors(self) -> list[str]:
        return [
            f"app.kubernetes.io/instance={service},app.kubernetes.io/component={component}"
            for service in SERVICES
            for component in (("http",) if service == "gateway" else ("http", "worker"))
        ]
