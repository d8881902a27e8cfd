"""The engines and the three charts, put into a namespace and taken out again."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.place import Place
from tests.cluster.verdicts import require, wait_until

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("vehicle", "payment", "gateway")
ENGINES = ("postgres", "kafka", "dynamodb", "identity", "provider")
ENGINE_TIMEOUT = "180s"
INSTALL_TIMEOUT = "240s"
QUOTA_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Images:
    """Which images are installed."""

    registry: str
    """What stands before `autodeal/vehicle`; empty for images that are on the nodes already."""
    tag: str

    def name(self, member: str) -> str:
        """Return the full name of a member's image without its tag."""
        return "/".join(part for part in (self.registry, "autodeal", member) if part)


def copy_charts(folder: Path, place: Place) -> Path:
    """Copy the charts below `folder`, put the library into each as it is now, and return where they are."""
    charts = folder / "charts"
    shutil.copytree(ROOT / "charts", charts)
    for service in SERVICES:
        place.helm("dependency", "build", str(charts / service))
    return charts


@dataclass(frozen=True, kw_only=True)
class PlatformInstall:
    """Acts on one namespace."""

    place: Place
    images: Images
    charts: Path
    """Copies of the charts, each with its library in it."""
    replicas: int = 2
    """So many of each kind of pod, so that one may go."""

    def make_namespace(self) -> str:
        """Make the namespace as k8s/base does: Pod Security at its strictest, default deny, the quota."""
        self.place.kubectl("create", "namespace", self.place.namespace)
        label = "pod-security.kubernetes.io/enforce=restricted"
        self.place.kubectl("label", "namespace", self.place.namespace, label)
        for name in ("default-deny", "limits"):
            self.place.kubectl("apply", f"--filename={ROOT / 'k8s/base' / name}.yaml")
        # A quota that has not counted yet refuses every pod, or none.
        wait_until(self._is_counted, "the quota's first count", seconds=QUOTA_SECONDS)
        return label

    def start_engines(self) -> str:
        """Apply k8s/dev with the chosen image and wait for its pods."""
        with tempfile.TemporaryDirectory(dir=ROOT) as folder:
            relative = os.path.relpath(ROOT / "k8s/dev", folder)
            Path(folder, "kustomization.yaml").write_text(
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
                f"resources: [{relative}]\nimages:\n"
                f"  - {{name: autodeal/devstack, newName: {self.images.name('devstack')},"
                f" newTag: '{self.images.tag}'}}\n"
            )
            self.place.kubectl("apply", f"--kustomize={folder}")
        for engine in ENGINES:
            self.place.kubectl("rollout", "status", f"deployment/{engine}", f"--timeout={ENGINE_TIMEOUT}")
        return ", ".join(ENGINES)

    def install(self, service: str) -> str:
        """Install a chart and wait until all its pods are ready."""
        self.place.helm("install", service, *self._chart(service))
        return self._revision(service)

    def upgrade(self, service: str, *settings: str) -> str:
        """Upgrade a release with further settings, which replaces its pods, and wait for the new ones."""
        self.place.helm("upgrade", service, *self._chart(service), *settings)
        return self._revision(service)

    def roll_back(self, service: str) -> str:
        """Return to the revision before and wait for its pods."""
        self.place.helm("rollback", service, "--wait", f"--timeout={INSTALL_TIMEOUT}")
        return self._revision(service)

    def uninstall(self, service: str) -> None:
        """Take a release away and wait until its pods are gone."""
        self.place.helm("uninstall", service, "--wait", f"--timeout={INSTALL_TIMEOUT}")

    def see_nothing_refused(self) -> str:
        """Fail when the cluster refused a pod, or when a pod of the platform was restarted."""
        events = self.place.read("events", "--field-selector=type=Warning")["items"]
        refused = [event["message"] for event in events if event["reason"] == "FailedCreate"]
        require(not refused, f"pods were refused: {refused}")
        pods = [pod for service in SERVICES for pod in self.place.pods(f"app.kubernetes.io/name={service}")]
        restarted = [
            pod["metadata"]["name"]
            for pod in pods
            if any(status["restartCount"] for status in pod["status"].get("containerStatuses", []))
        ]
        require(not restarted, f"containers were restarted: {restarted}")
        return f"{len(pods)} pods"

    def _is_counted(self) -> bool:
        quotas = self.place.read("resourcequotas")["items"]
        return bool(quotas) and all("pods" in quota.get("status", {}).get("used", {}) for quota in quotas)

    def _chart(self, service: str) -> tuple[str, ...]:
        chart = self.charts / service
        workers = () if service == "gateway" else (f"--set=worker.replicas={self.replicas}",)
        return (
            str(chart),
            f"--values={chart / 'values-dev.yaml'}",
            f"--set-string=image.registry={self.images.registry},image.tag={self.images.tag}",
            f"--set=http.replicas={self.replicas}",
            *workers,
            "--wait",
            f"--timeout={INSTALL_TIMEOUT}",
        )

    def _revision(self, service: str) -> str:
        latest = self.place.helm("history", service, "--max=1", "--output=table").splitlines()[-1]
        return f"revision {latest.split()[0]}"
