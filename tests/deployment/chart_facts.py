"""What the charts ask for, read from what Helm renders of them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from tests.deployment.places import ENVIRONMENTS, ROOT, SERVICES, Document, tool

from autodeal_messaging.kafka_settings import TopicSettings
from autodeal_platform.settings import load_settings

ExternalSecretKeys = frozenset[str]


@cache
def charts() -> Path:
    """Return a copy of the charts whose library is built in; the tree itself is left alone."""
    folder = Path(tempfile.mkdtemp(prefix="autodeal-charts-"))
    shutil.copytree(ROOT / "charts", folder, dirs_exist_ok=True)
    for service in SERVICES:
        run("dependency", "build", str(folder / service))
    return folder


def run(*arguments: str) -> str:
    """Run Helm; return what it prints."""
    done = subprocess.run([tool("helm"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def rendered(service: str, environment: str, *given: str) -> tuple[Document, ...]:
    """Return everything of a release, hooks and tests too; `given` is what `--set` says besides."""
    chart = charts() / service
    values = str(chart / f"values-{environment}.yaml")
    more = [word for each in given for word in ("--set", each)]
    text = run("template", service, str(chart), "--namespace", "autodeal", "--values", values, *more)
    return tuple(document for document in yaml.safe_load_all(text) if document)


def values(service: str, environment: str) -> dict[str, Any]:
    """Return the settings of an environment's values file."""
    found: dict[str, Any] = yaml.safe_load(
        (ROOT / "charts" / service / f"values-{environment}.yaml").read_text(encoding="utf-8")
    )
    return found


def service_account(service: str) -> str:
    """Return the ServiceAccount of the service's Deployments, the same in every environment."""
    return _one({pod["serviceAccountName"] for pod in _pods(service, "Deployment")})


def hook_service_account(service: str) -> str:
    """Return the ServiceAccount of the service's hooks, the same in every environment."""
    return _one({pod["serviceAccountName"] for pod in _pods(service, "Job")})


def _one(names: set[str]) -> str:
    assert len(names) == 1, names
    return names.pop()


def _pods(service: str, kind: str) -> Iterator[dict[str, Any]]:
    for environment in ENVIRONMENTS:
        for document in rendered(service, environment):
            if document["kind"] == kind:
                yield document["spec"]["template"]["spec"]


def external_secret_keys(environment: str) -> ExternalSecretKeys:
    """Return the names in the secret store that the charts read."""
    return frozenset(
        entry["remoteRef"]["key"]
        for service in SERVICES
        for document in rendered(service, environment)
        if document["kind"] == "ExternalSecret"
        for entry in document["spec"]["data"]
    )


def lag_readings(environment: str) -> dict[str, set[str]]:
    """Return the topics whose lag the autoscaler reads, by consumer group."""
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        for document in rendered(service, environment):
            if document["kind"] == "ScaledObject":
                for trigger in document["spec"]["triggers"]:
                    metadata = trigger["metadata"]
                    found.setdefault(metadata["consumerGroup"], set()).add(metadata["topic"])
    return found


def settings(service: str, environment: str) -> dict[str, str]:
    """Return the plain environment of the service's processes."""
    found: dict[str, str] = {}
    for document in rendered(service, environment):
        if document["kind"] == "ConfigMap" and "grafana_dashboard" not in document["metadata"].get(
            "labels", {}
        ):
            found |= document.get("data", {})
    return found


def topic_settings(service: str, environment: str) -> TopicSettings:
    """Return the settings with which the service's hook makes topics."""
    jobs = [
        each for each in rendered(service, environment) if each["metadata"]["name"] == f"{service}-topics"
    ]
    (container,) = jobs[0]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["topics"]
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    return load_settings(TopicSettings, given)
