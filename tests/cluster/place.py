"""One namespace of a cluster, and the programs that act in it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND_TIMEOUT_SECONDS = 300.0
"""No single command of kubectl or helm takes longer; the clusters' own time-outs are shorter."""


class CommandError(Exception):
    """A command failed; the message ends with what it said."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the test takes place. KUBECONFIG says which cluster."""

    namespace: str
    kubectl_program: str = "kubectl"
    helm_program: str = "helm"

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl in the namespace and return what it printed. Raises CommandError."""
        return run(self.kubectl_program, "--namespace", self.namespace, *arguments, stdin=stdin)

    def helm(self, *arguments: str) -> str:
        """Run helm in the namespace and return what it printed. Raises CommandError."""
        return run(self.helm_program, "--namespace", self.namespace, *arguments)

    def read(self, *arguments: str) -> dict[str, Any]:
        """Return what `kubectl get …` knows, as objects."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """Return the pods that a label selector chooses and that are not being deleted."""
        found: list[dict[str, Any]] = self.read("pods", f"--selector={selector}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pod_names(self, selector: str) -> list[str]:
        """Return the names of such pods."""
        return [pod["metadata"]["name"] for pod in self.pods(selector)]

    def objects(self) -> set[str]:
        """Return every object of the namespace as kind/name, but for what the cluster itself keeps there."""
        kinds = self.kubectl("api-resources", "--namespaced", "--verbs=list,delete", "--output=name").split()
        chosen = ",".join(kind for kind in kinds if kind.partition(".")[0] not in {"events", "leases"})
        listed = self.kubectl("get", chosen, "--output=name", "--ignore-not-found")
        return set(listed.split())


def run(*command: str, stdin: str = "") -> str:
    """Run a program to its end. Raises CommandError."""
    try:
        result = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{' '.join(command)}: no end within {COMMAND_TIMEOUT_SECONDS:.0f} s") from None
    if result.returncode:
        said = (result.stderr or result.stdout).strip()
        raise CommandError(f"{Path(command[0]).name} {' '.join(command[1:])}: {said[-2000:]}")
    return result.stdout
