"""The environment of each pod is what its program reads: nothing is missing, nothing too much, no secret."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.charts.checks.check_pods import secret_files
from tests.charts.checks.find_pods import FoundPod, find_pods
from tests.charts.render_charts import Release, chart_writer

from autodeal_platform.settings import SettingsError, load_settings

SECRETS = "/etc/autodeal/secrets/"
CLASSES = {
    ("vehicle", "migrate"): "DatabaseSettings",
    ("payment", "migrate"): "StoreSettings",
    ("vehicle", "topics"): "TopicsSettings",
    ("payment", "topics"): "TopicsSettings",
    ("gateway", "topics"): "TopicsSettings",
}
"""What each command reads, where it is not all."""
COMPLETE = {"dev", "sandbox", "live", "everything", "nothing", "nginx"}
"""The cases whose values are enough for a service to start."""


def environment_of(pod: FoundPod, release: Release) -> dict[str, str]:
    """Return the variables that a pod's program sees."""
    found: dict[str, str] = {}
    for source in pod.container.get("envFrom", []):
        config = release.one("ConfigMap", source["configMapRef"]["name"])
        found |= config.get("data", {}) if config else {}
    return found | pod.environment


def check_environment(release: Release) -> Iterator[str]:
    """Values become variables as they are, secrets become paths of mounted files."""
    for pod in find_pods(release):
        if pod.component == "test":
            continue
        name, found = pod.owner["metadata"]["name"], environment_of(pod, release)
        wanted = {key: written(value) for key, value in release.values["settings"].items()}
        if pod.component in ("http", "worker"):
            wanted |= {"HTTP_HOST": "0.0.0.0", "HTTP_PORT": "8080" if pod.component == "http" else "9090"}
        if pod.component == "topics":
            topics = release.values["topics"]
            wanted["KAFKA_TOPIC_PARTITIONS"] = str(topics["partitions"])
            wanted["KAFKA_TOPIC_REPLICATION"] = str(topics["replication"])
            wanted["KAFKA_TOPIC_MIN_INSYNC_REPLICAS"] = str(max(1, topics["replication"] - 1))
        credentials = release.values["identity"]["credentialsKey"]
        for key in secret_files(pod.component, release):
            wanted["AWS_SHARED_CREDENTIALS_FILE" if key == credentials else f"{key}_FILE"] = SECRETS + key
        if found != wanted:
            yield f"{name}: the environment differs in {sorted(found.items() ^ wanted.items())}"


def written(value: object) -> str:
    """Return a value as one types it into a variable."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_names(release: Release) -> Iterator[str]:
    """Every variable is one that the service's code reads."""
    fields = chart_writer().settings_of(release.case.chart)
    known = {*fields, *(f"{name}_FILE" for name, field in fields.items() if field.secret)}
    known.add("AWS_SHARED_CREDENTIALS_FILE")
    for pod in find_pods(release):
        for name in environment_of(pod, release):
            if name not in known:
                yield f"{pod.owner['metadata']['name']}: nobody reads {name}"


def check_programs_start(release: Release) -> Iterator[str]:
    """The program's own settings are made from the pod's environment without a complaint."""
    if release.case.name not in COMPLETE:
        return
    with tempfile.TemporaryDirectory() as folder:
        for key in release.values["secrets"]["keys"]:
            text = "postgresql://user@host/name" if key == "DATABASE_URL" else "secret"
            (Path(folder) / key).write_text(text, encoding="utf-8")
        for pod in find_pods(release):
            if pod.component == "test":
                continue
            environment = {
                name: value.replace(SECRETS, f"{folder}{os.sep}")
                for name, value in environment_of(pod, release).items()
            }
            try:
                load_settings(_settings_class(release, pod.component), environment)
            except SettingsError as error:
                yield f"{pod.owner['metadata']['name']}: {error}"


def _settings_class(release: Release, component: str) -> type[Any]:
    module = importlib.import_module(f"autodeal_{release.case.chart}.settings")
    found: type[Any] = getattr(module, CLASSES.get((release.case.chart, component), "Settings"))
    return found


def check_secrets(release: Release) -> Iterator[str]:
    """The store's entry for each secret, renewed as told, and no Secret in the manifest."""
    if release.of("Secret"):
        yield "a secret stands in the manifest"
    secrets, name = release.values["secrets"], release.name
    hooks = sorted({*release.values["migrations"]["secretKeys"], *release.values["topics"]["secretKeys"]})
    for suffix, keys in (("secrets", sorted(secrets["keys"])), ("migrate", hooks)):
        found = release.one("ExternalSecret", f"{name}-{suffix}")
        if found is None:
            continue
        wanted = {
            "refreshInterval": secrets["externalSecret"]["refreshInterval"],
            "secretStoreRef": secrets["externalSecret"]["store"],
            "target": {"name": f"{name}-{suffix}", "creationPolicy": "Owner", "deletionPolicy": "Retain"},
            "data": [{"secretKey": key, "remoteRef": _remote(secrets["keys"][key])} for key in keys],
        }
        if found["spec"] != wanted:
            yield f"ExternalSecret {name}-{suffix} is {found['spec']}"


def _remote(given: dict[str, str]) -> dict[str, str]:
    found = {"key": given["remoteKey"]}
    return found | ({"property": given["property"]} if "property" in given else {})
