"""What refers to something else refers to what exists: selectors, ports, names."""

from __future__ import annotations

from collections.abc import Iterator

from tests.charts.checks.find_pods import find_pods, matches
from tests.charts.render_charts import Json, Release


def check_selectors(release: Release) -> Iterator[str]:
    """Services, budgets and Deployments choose the pods of their own component, and none else."""
    pods = list(find_pods(release))
    for found in release.objects:
        kind, name = found["kind"], found["metadata"]["name"]
        if kind not in ("Service", "PodDisruptionBudget", "Deployment"):
            continue
        selector = found["spec"]["selector"]
        selector = {"matchLabels": selector} if kind == "Service" else selector
        component = "http" if name == release.name else name.rpartition("-")[2]
        chosen = {pod.component for pod in pods if matches(selector, pod.labels)}
        if chosen != {component}:
            yield f"{kind} {name} chooses {chosen or 'nobody'}"
        if "app.kubernetes.io/instance" not in selector["matchLabels"]:
            yield f"{kind} {name} would choose another release's pods"
        if "app.kubernetes.io/name" not in selector["matchLabels"]:
            yield f"{kind} {name} would choose another chart's pods"


def check_services(release: Release) -> Iterator[str]:
    """A Service's port leads to a port that its pods name; a worker's is for Prometheus alone."""
    pods = list(find_pods(release))
    for service in release.of("Service"):
        name, spec = service["metadata"]["name"], service["spec"]
        worker = name.endswith("-worker")
        port = {"name": "metrics", "port": 9090, "targetPort": "metrics"}
        if spec.get("ports") != [port if worker else {"name": "http", "port": 80, "targetPort": "http"}]:
            yield f"Service {name} has the ports {spec.get('ports')}"
        if spec.get("clusterIP") != ("None" if worker else None) or "type" in spec:
            yield f"Service {name} is of the wrong kind"
        targets = {each["targetPort"] for each in spec.get("ports", [])}
        chosen = [pod for pod in pods if matches({"matchLabels": spec["selector"]}, pod.labels)]
        for pod in chosen:
            if targets - {each.get("name") for each in pod.container.get("ports", [])}:
                yield f"Service {name} leads to a port that {pod.component} does not have"


def check_references(release: Release) -> Iterator[str]:
    """ServiceAccounts, ConfigMaps and Secrets that pods name are the release's own or are given."""
    given = {release.values["secrets"]["existingSecret"], release.values["trust"]["configMap"]}
    for pod in find_pods(release):
        name, is_hook = pod.owner["metadata"]["name"], hook_of(pod.owner)
        for kind, wanted in references(pod.spec):
            made = release.one("ExternalSecret" if kind == "Secret" else kind, wanted)
            if kind == "Secret" and made is not None and made["spec"]["target"]["name"] != wanted:
                yield f"{name}: the store fills {made['spec']['target']['name']}, not {wanted}"
            if wanted in given or (made is not None and comes_first(made, pod.owner)):
                continue
            missing_store = not release.values["secrets"]["externalSecret"]["enabled"]
            if kind == "Secret" and missing_store:
                continue  # The values leave it open where the Secret comes from.
            yield f"{name}{' (a hook)' if is_hook else ''}: {kind} {wanted} is not there when it starts"


def references(spec: Json) -> Iterator[tuple[str, str]]:
    """Return the kind and name of all that a pod cannot start without."""
    if "serviceAccountName" in spec:
        yield "ServiceAccount", spec["serviceAccountName"]
    for volume in spec.get("volumes", []):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"]


def hook_of(found: Json) -> str:
    """Return when Helm runs an object; empty for a part of the release."""
    return str(found["metadata"].get("annotations", {}).get("helm.sh/hook", ""))


def comes_first(made: Json, needing: Json) -> bool:
    """Tell whether an object is made before another one needs it, and is still there then."""
    if not hook_of(needing):
        return not hook_of(made)
    if hook_of(needing) == "test":
        return not hook_of(made)
    weights = [
        int(each["metadata"]["annotations"].get("helm.sh/hook-weight", 0))
        for each in (made, needing)
        if hook_of(each)
    ]
    return len(weights) == 2 and hook_of(made) == hook_of(needing) and weights[0] < weights[1]


def check_hooks(release: Release) -> Iterator[str]:
    """Hooks run before installations and upgrades, make room for the next time and leave nothing behind."""
    for found in release.objects:
        kind, name = found["kind"], found["metadata"]["name"]
        annotations = found["metadata"].get("annotations", {})
        is_hook = kind == "Job" or (name.endswith(("-migrate", "-test")) and not name.endswith("-settings"))
        if not is_hook or (kind == "NetworkPolicy" and name.endswith("-test")):
            if hook_of(found):
                yield f"{kind} {name} is a hook"
            continue
        if hook_of(found) != ("test" if name.endswith("-test") else "pre-install,pre-upgrade"):
            yield f"{kind} {name} runs at {hook_of(found) or 'no moment of its own'}"
        if annotations.get("helm.sh/hook-delete-policy") != "before-hook-creation,hook-succeeded":
            yield f"{kind} {name} stays in the way"
    weights = {
        job["metadata"]["name"]: job["metadata"]["annotations"].get("helm.sh/hook-weight")
        for job in release.of("Job")
    }
    if weights != {name: {"migrate": "0", "topics": "1"}[name.rpartition("-")[2]] for name in weights}:
        yield f"Jobs run in the order {weights}"


def check_jobs(release: Release) -> Iterator[str]:
    """A Job ends in bounded time, fails for all to see, and keeps the pods that failed."""
    for job in release.of("Job"):
        name, spec = job["metadata"]["name"], job["spec"]
        values = release.values["migrations" if name.endswith("-migrate") else "topics"]
        if spec.get("backoffLimit") != values["retries"]:
            yield f"{name}: is retried {spec.get('backoffLimit')} times"
        if spec.get("activeDeadlineSeconds") != values["deadlineSeconds"]:
            yield f"{name}: may take {spec.get('activeDeadlineSeconds')} s"
        if spec.get("ttlSecondsAfterFinished") != 86_400:
            yield f"{name}: is never cleared away"
        if spec["template"]["spec"].get("restartPolicy") != "Never":
            yield f"{name}: a restart would hide what the failed attempt said"
        if spec["template"]["spec"].get("serviceAccountName") != f"{release.name}-migrate":
            yield f"{name}: runs as {spec['template']['spec'].get('serviceAccountName')}"


def check_identity(release: Release) -> Iterator[str]:
    """Both ServiceAccounts get the role where roles are given by annotation."""
    role = release.values["identity"]["irsaRoleArn"] or None
    for account in release.of("ServiceAccount"):
        found = account["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn")
        if found != role:
            yield f"ServiceAccount {account['metadata']['name']} has the role {found}"


def check_test_pod(release: Release) -> Iterator[str]:
    """`helm test` asks the release's own Service, with the image's Python, and ends in bounded time."""
    pod = release.one("Pod", f"{release.name}-test")
    if pod is None:
        return
    (container,) = pod["spec"]["containers"]
    if container.get("command") != ["/app/.venv/bin/python", "-c"] or len(container.get("args", [])) != 1:
        yield f"the test runs {container.get('command')}"
        return
    compile(container["args"][0], "test", "exec")
    lines = [line.strip() for line in container["args"][0].splitlines()]
    for line in ("import time, urllib.request", "print(error, flush=True)", "time.sleep(1)"):
        if line not in lines:
            yield f"the test lacks: {line}"
    if container["args"][0].count(f"http://{release.name}/readyz") != 2:
        yield "the test asks another Service"
    if (pod["spec"].get("restartPolicy"), pod["spec"].get("activeDeadlineSeconds")) != ("Never", 60):
        yield "the test may go on for ever"
