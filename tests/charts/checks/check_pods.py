"""Every pod is as tight as Pod Security "restricted" wants it, stops in time, and says what it needs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from tests.charts.checks.find_pods import FoundPod, find_pods, is_live_synced
from tests.charts.render_charts import Json, Release

from autodeal_platform.run_http import CLOSE_TIMEOUT_SECONDS, KEEP_ALIVE_SECONDS

USER = 10001
COMMANDS = {"http": ["serve"], "worker": ["work"], "migrate": ["migrate"], "topics": ["topics"]}
PORTS = {"http": ("http", 8080), "worker": ("metrics", 9090)}
VALUES_OF = {"migrate": "migrations"}
"""Where a component's values are, if not under its own name."""
CONTAINER_SECURITY: Json = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
}
CHECK_SECONDS = 2
"""How long the process's own readiness check may take (Health's default)."""


def check_pod_security(release: Release) -> Iterator[str]:
    """Restricted, and a file system that nobody writes to but in /tmp."""
    for pod in find_pods(release):
        container, name = pod.container, pod.owner["metadata"]["name"]
        wanted: Json = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}
        wanted["seccompProfile"] = {"type": "RuntimeDefault"}
        if pod.spec.get("securityContext") != wanted:
            yield f"{name}: the pod's security context is {pod.spec.get('securityContext')}"
        if container.get("securityContext") != CONTAINER_SECURITY:
            yield f"{name}: the container's security context is {container.get('securityContext')}"
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: the API's token is mounted"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{name}: other Services become settings"
        if {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys():
            yield f"{name}: shares the host's namespaces"
    for account in release.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {account['metadata']['name']} mounts its token"


def check_containers(release: Release) -> Iterator[str]:
    """Each container runs its command, from the image, with the resources and files that the values say."""
    values = release.values
    for pod in find_pods(release):
        container, name = pod.container, pod.owner["metadata"]["name"]
        if container["name"] != pod.component:
            yield f"{name}: the container is called {container['name']}"
        if (
            container.get("image") != image_of(release)
            or container.get("imagePullPolicy") != values["image"]["pullPolicy"]
        ):
            yield f"{name}: image {container.get('image')} by {container.get('imagePullPolicy')}"
        pulls = [{"name": secret} for secret in values["image"]["pullSecrets"]]
        if pod.spec.get("imagePullSecrets", []) != pulls:
            yield f"{name}: pulls with {pod.spec.get('imagePullSecrets')}"
        if container.get("resources") != values[VALUES_OF.get(pod.component, pod.component)]["resources"]:
            yield f"{name}: resources are {container.get('resources')}"
        if pod.component in COMMANDS and (
            container.get("args") != COMMANDS[pod.component] or "command" in container
        ):
            yield f"{name}: runs {container.get('command')} {container.get('args')}"
        yield from _check_mounts(name, pod, release)


def image_of(release: Release) -> str:
    """Return the image that all pods of a release run."""
    image = release.values["image"]
    path = f"{image['registry']}/{image['repository']}".removeprefix("/")
    return f"{path}@{image['digest']}" if image["digest"] else f"{path}:{image['tag'] or '0.1.0'}"


def _check_mounts(name: str, pod: FoundPod, release: Release) -> Iterator[str]:
    values = release.values
    wanted: list[Json] = [{"name": "tmp", "mountPath": "/tmp"}]
    volumes: list[Json] = [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
    files = secret_files(pod.component, release)
    if files:
        wanted.append({"name": "secrets", "mountPath": "/etc/autodeal/secrets", "readOnly": True})
        volumes.append(
            {
                "name": "secrets",
                "secret": {
                    "secretName": secret_name(pod.component, release),
                    "defaultMode": 0o440,
                    "items": [{"key": key, "path": key} for key in files],
                },
            }
        )
    if values["trust"]["configMap"]:
        wanted.append({"name": "trust", "mountPath": "/etc/autodeal/trust", "readOnly": True})
        volumes.append({"name": "trust", "configMap": {"name": values["trust"]["configMap"]}})
    if is_live_synced(pod, release):
        wanted.append({"name": "app", "mountPath": "/app", "subPath": "app"})
        volumes.append({"name": "app", "emptyDir": {"sizeLimit": "512Mi"}})
    if pod.container.get("volumeMounts") != wanted:
        yield f"{name}: mounts {pod.container.get('volumeMounts')}"
    if pod.spec.get("volumes") != volumes:
        yield f"{name}: volumes {pod.spec.get('volumes')}"


def secret_files(component: str, release: Release) -> list[str]:
    """Return the keys of the Secret that a pod sees: no pod sees one that it does not need."""
    values = release.values
    if component == "test":
        return []
    if component in ("http", "worker"):
        keys = sorted(values["secrets"]["keys"])
    else:
        keys = sorted(values[VALUES_OF.get(component, component)]["secretKeys"])
    credentials = values["identity"]["credentialsKey"]
    return [*keys, credentials] if credentials else keys


def secret_name(component: str, release: Release) -> str:
    """Return the Secret that a pod's files come from."""
    suffix = "secrets" if component in ("http", "worker", "test") else "migrate"
    return str(release.values["secrets"]["existingSecret"] or f"{release.name}-{suffix}")


def check_probes(release: Release) -> Iterator[str]:
    """Started, ready and alive are three questions; readiness asks the engines and is given time to."""
    for pod in find_pods(release):
        if pod.component not in PORTS:
            continue
        name, container = pod.owner["metadata"]["name"], pod.container
        port, number = PORTS[pod.component]
        if container.get("ports") != [{"name": port, "containerPort": number}]:
            yield f"{name}: listens on {container.get('ports')}"
        for probe, path in (
            ("startupProbe", "/healthz"),
            ("readinessProbe", "/readyz"),
            ("livenessProbe", "/healthz"),
        ):
            found = container.get(probe, {})
            if found.get("httpGet") != {"path": path, "port": port}:
                yield f"{name}: {probe} asks {found.get('httpGet')}"
            if not {"periodSeconds", "timeoutSeconds", "failureThreshold"} <= found.keys():
                yield f"{name}: {probe} leaves its times to the defaults"
        if container.get("readinessProbe", {}).get("timeoutSeconds", 0) <= CHECK_SECONDS:
            yield f"{name}: readiness gives up before the process's own check does"


def check_stopping(release: Release) -> Iterator[str]:
    """The kubelet waits for longer than the process may take by its settings, and not without end."""
    settings = release.values["settings"]
    delay, drain = settings["HTTP_DRAIN_DELAY_SECONDS"], settings["HTTP_DRAIN_TIMEOUT_SECONDS"]
    needed = delay + drain + max(settings["KAFKA_DRAIN_TIMEOUT_SECONDS"], CLOSE_TIMEOUT_SECONDS + 2)
    for deployment in release.of("Deployment"):
        name, spec = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]
        grace = spec.get("terminationGracePeriodSeconds", 30)
        if not needed < grace <= math.ceil(needed) + 15:
            yield f"{name}: is killed after {grace} s; it may take {needed} s to stop"
        if delay < 3 and spec["containers"][0]["args"] == ["serve"]:
            yield f"{name}: stops accepting before load balancers can know"
        if drain > KEEP_ALIVE_SECONDS:
            yield f"{name}: drains for longer than an idle connection lasts"


def check_deployments(release: Release) -> Iterator[str]:
    """A roll-out takes no capacity away, and fails visibly when it cannot go on."""
    for deployment in release.of("Deployment"):
        name, spec = deployment["metadata"]["name"], deployment["spec"]
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        if spec.get("strategy") != rolling:
            yield f"{name}: rolls out by {spec.get('strategy')}"
        if (spec.get("revisionHistoryLimit"), spec.get("progressDeadlineSeconds")) != (5, 300):
            yield f"{name}: keeps or waits without a limit"
        annotations = spec["template"]["metadata"].get("annotations", {})
        if not re.fullmatch(r"[0-9a-f]{64}", str(annotations.get("checksum/settings"))):
            yield f"{name}: a change of settings does not restart it"
        if spec["template"]["spec"].get("serviceAccountName") != release.name:
            yield f"{name}: runs as {spec['template']['spec'].get('serviceAccountName')}"


def check_placement(release: Release) -> Iterator[str]:
    """Pods spread over zones and nodes by revision, and go to arm64, exactly when told to."""
    spread = release.values["spread"]
    arm64 = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}
                        ]
                    }
                ]
            }
        }
    }
    for pod in find_pods(release):
        name = pod.owner["metadata"]["name"]
        if pod.spec.get("affinity") != (arm64 if release.values["arm64"]["required"] else None):
            yield f"{name}: affinity {pod.spec.get('affinity')}"
        if pod.owner["kind"] != "Deployment":
            continue
        selector = pod.owner["spec"]["selector"]
        wanted = [
            {
                "topologyKey": key,
                "maxSkew": 1,
                "whenUnsatisfiable": when,
                "matchLabelKeys": ["pod-template-hash"],
                "labelSelector": selector,
            }
            for key, when in (
                ("topology.kubernetes.io/zone", spread["zones"]),
                ("kubernetes.io/hostname", spread["nodes"]),
            )
        ]
        if pod.spec.get("topologySpreadConstraints") != (wanted if spread["enabled"] else None):
            yield f"{name}: spreads by {pod.spec.get('topologySpreadConstraints')}"
