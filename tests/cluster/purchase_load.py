"""Purchases from a pod inside the cluster, through the gateway's Service, while something happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from tests.cluster.place import Place
from tests.cluster.platform_install import Images
from tests.cluster.verdicts import require, wait_until

from autodeal_devstack.purchases.tally import Report

STARTED_SECONDS = 180.0
MORE_SALES = 6
"""So many purchases are begun and sold after the disturbance, so that its after-effects are seen."""
END_SECONDS = 240.0
STOP = "import os, signal; os.kill(1, signal.SIGTERM)"


@dataclass(frozen=True, kw_only=True)
class PurchaseLoad:
    """One pod that buys until it is told to stop."""

    place: Place
    images: Images
    per_second: float

    def during(self, name: str, disturb: Callable[[], str]) -> str:
        """Buy while `disturb` runs; fail unless every purchase was sold and no answer was a 5xx."""
        pod = f"purchases-{name}"
        self.place.kubectl("apply", "--filename=-", stdin=json.dumps(self._pod(pod)))
        try:
            wait_until(lambda: self._sold(pod) >= 1, "the first sale", seconds=STARTED_SECONDS)
            told = disturb()
            enough = self._begun(pod) + MORE_SALES
            wait_until(lambda: self._sold(pod) >= enough, "sales afterwards", seconds=END_SECONDS)
            report = self._stop(pod)
        except Exception as error:
            error.add_note(f"the purchases: {self._latest(pod)}")
            raise
        finally:
            self.place.kubectl("delete", "pod", pod, "--grace-period=1", "--wait=false")
        words = (
            f"{report.sold} of {report.begun} sold, {report.server_errors} answers 5xx, "
            f"{report.broken_connections} connections broken and tried again, "
            f"slowest answer {report.slowest_answer_ms} ms, longest purchase {report.longest_purchase_ms} ms"
        )
        require(report.is_clean and report.sold == report.begun, f"{words}: {report.problems}")
        return f"{told}; {words}" if told else words

    def _stop(self, pod: str) -> Report:
        python = "/app/.venv/bin/python"
        self.place.kubectl("exec", pod, "--", python, "-c", STOP)
        wait_until(
            lambda: self.place.read("pod", pod)["status"]["phase"] in {"Succeeded", "Failed"},
            "the end of the purchases",
            seconds=END_SECONDS,
        )
        report = self._latest(pod)
        assert report is not None
        return report

    def _latest(self, pod: str) -> Report | None:
        """Return the latest report, or None when there is none yet."""
        if self.place.read("pod", pod)["status"]["phase"] == "Pending":
            return None
        lines = self.place.kubectl("logs", pod, "--tail=1").splitlines()
        try:
            return msgspec.json.decode(lines[-1], type=Report) if lines else None
        except msgspec.DecodeError:
            return None

    def _sold(self, pod: str) -> int:
        latest = self._latest(pod)
        return latest.sold if latest else 0

    def _begun(self, pod: str) -> int:
        latest = self._latest(pod)
        return latest.begun if latest else 0

    def _pod(self, name: str) -> dict[str, object]:
        labels = {"app.kubernetes.io/name": "purchases", "app.kubernetes.io/part-of": "autodeal"}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "purchases",
                        "image": f"{self.images.name('devstack')}:{self.images.tag}",
                        "imagePullPolicy": "IfNotPresent",
                        "args": ["purchases", "--rate", str(self.per_second)],
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        }


def purchases_policy() -> str:
    """Return the policy that lets the buying pods call the gateway and the engines."""
    peers = [
        {"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "autodeal"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
    ]
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "purchases"},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "purchases"}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{"to": peers}],
        },
    }
    return json.dumps(policy)
