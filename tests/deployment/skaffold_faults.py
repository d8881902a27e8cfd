"""What `skaffold.yaml` names, and whether it is there: after its profiles, as Skaffold would see it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import yaml
from tests.deployment.chart_facts import rendered
from tests.deployment.places import ROOT, SERVICES, Document, kustomized

from autodeal_devstack.cli.commands import autodeal

SCHEMA = Path(__file__).parent / "schemas" / "skaffold-v4beta14.json"
API_VERSION = "skaffold/v4beta13"
SCHEMA_VERSION = "skaffold/v4beta14"
ENGINES, PRODUCT = "engines", "autodeal"
NAMESPACE = "autodeal"
START_ANEW = "import os, signal; os.kill(1, signal.SIGTERM)"


def configs() -> list[Document]:
    """Return the configurations as they are written."""
    return list(yaml.safe_load_all((ROOT / "skaffold.yaml").read_text(encoding="utf-8")))


def with_profiles(written: Sequence[Document], profiles: Sequence[str]) -> list[Document]:
    """Return the configurations as they are once profiles are applied, in that order."""
    found = copy.deepcopy(list(written))
    for config in found:
        known = {profile["name"]: profile for profile in config.get("profiles", [])}
        for name in profiles:
            profile = known.get(name, {})
            for section, content in profile.get("build", {}).items():
                config["build"][section] = content
            for patch in profile.get("patches", []):
                _apply(config, patch)
        config.pop("profiles", None)
    return found


def _apply(config: Document, patch: dict[str, Any]) -> None:
    *parents, last = patch["path"].strip("/").split("/")
    place: Any = config
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    key = int(last) if isinstance(place, list) else last
    if patch["op"] != "add":
        place[key]  # a JSON patch replaces and removes only what is there
    if patch["op"] == "remove":
        del place[key]
    elif patch["op"] in {"add", "replace"}:
        place[key] = patch["value"]
    else:
        raise ValueError(patch["op"])


def skaffold_faults(written: Sequence[Document], profiles: Sequence[str]) -> list[str]:
    """Return what is wrong, in words."""
    try:
        found = with_profiles(written, profiles)
        shape = [fault for config in (*written, *found) for fault in _shape_faults(config)]
        return shape or [fault for fault in _faults(found, profiles) if fault]
    except (LookupError, OSError, SyntaxError, TypeError, ValueError) as error:
        return [f"{type(error).__name__}: {error}"]


def _shape_faults(config: Document) -> Iterator[str]:
    if (config["apiVersion"], config["kind"]) != (API_VERSION, "Config"):
        yield f"a {config['kind']} of {config['apiVersion']}"
    yield from _schema_faults(json.dumps({**config, "apiVersion": SCHEMA_VERSION}))


@cache
def _schema_faults(config: str) -> tuple[str, ...]:
    """Return what the schema refuses; of a spoilt file most parts are whole and known already."""
    return tuple(error.message for error in _validator().iter_errors(json.loads(config)))


@cache
def _validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _faults(found: list[Document], profiles: Sequence[str]) -> Iterator[str]:
    by_name = {config["metadata"]["name"]: config for config in found}
    if list(by_name) != [ENGINES, PRODUCT] or by_name[PRODUCT]["requires"] != [{"configs": [ENGINES]}]:
        yield "the engines come first"
    on_cloud = bool(profiles)
    images = []
    for config in found:
        for artifact in config["build"]["artifacts"]:
            images.append(artifact["image"])
            yield from _artifact_faults(artifact, on_cloud=on_cloud)
        yield from _build_faults(config["build"], on_cloud=on_cloud)
    if sorted(images) != sorted(f"autodeal/{name}" for name in (*SERVICES, "devstack")):
        yield f"images {images}"
    yield from _manifest_faults(by_name[ENGINES], on_cloud=on_cloud)
    environment = ("live" if "live" in profiles else "sandbox") if on_cloud else "dev"
    yield from _release_faults(by_name[PRODUCT]["manifests"]["helm"], environment)
    if by_name[PRODUCT]["deploy"]["helm"] != {}:
        yield "releases stand below manifests"
    forwards = [forward for config in found for forward in config.get("portForward", [])]
    yield from _forward_faults(forwards, on_cloud=on_cloud)
    yield from _verify_faults(by_name[PRODUCT]["verify"], images, on_cloud=on_cloud)


def _artifact_faults(artifact: dict[str, Any], *, on_cloud: bool) -> Iterator[str]:
    docker = artifact["docker"]
    text = (ROOT / artifact.get("context", ".") / docker["dockerfile"]).read_text(encoding="utf-8")
    if artifact["image"] != f"autodeal/{docker['target']}" or f"AS {docker['target']}\n" not in text:
        yield f"{artifact['image']} is not the target {docker['target']}"
    for name, value in docker.get("buildArgs", {}).items():
        if f"ARG {name}=" not in text or f"USER {value}\n" not in text:
            yield f"{name} is not the user of the process"
    synced = artifact.get("sync", {})
    if bool(synced) == on_cloud:
        yield f"copies into pods of {artifact['image']}"
    if docker["target"] not in SERVICES:
        yield from _spared_engines_faults(synced, on_cloud=on_cloud)
        return
    for rule in synced.get("manual", []):
        yield from _sync_faults(rule, text)
    for hook in synced.get("hooks", {}).get("after", []):
        if hook["container"]["command"] != ["/app/.venv/bin/python", "-c", START_ANEW]:
            yield "the hook starts nothing anew"


def _spared_engines_faults(synced: dict[str, Any], *, on_cloud: bool) -> Iterator[str]:
    """Engines lose their data with their pods, so the services' code must not make a new image of them."""
    rules = synced.get("manual", [])
    spared = {path for rule in rules for path in ROOT.glob(rule["src"])}
    carried = {path for folder in ("libs", "services") for path in ROOT.glob(f"{folder}/*/src/**/*.py")}
    if spared != (set() if on_cloud else carried):
        yield "a change of the services' code restarts the engines"
    if any(rule["dest"] != "/tmp/unread" for rule in rules) or "hooks" in synced:
        yield "what is copied into the engines' pods is read there"


def _sync_faults(rule: dict[str, str], dockerfile: str) -> Iterator[str]:
    if not any(ROOT.glob(rule["src"])) or not rule["src"].endswith("/**/*.py"):
        yield f"nothing at {rule['src']}"
    if rule["src"] != f"{rule['strip']}/**/*.py":
        yield f"{rule['strip']} is not where {rule['src']} is"
    version = re.search(r"PYTHON_IMAGE=python:(3\.\d+)", dockerfile)
    if version is None or rule["dest"] != f"/app/.venv/lib/python{version[1]}/site-packages":
        yield f"nothing is imported from {rule['dest']}"


def _build_faults(build: dict[str, Any], *, on_cloud: bool) -> Iterator[str]:
    if build.get("platforms") != (["linux/arm64"] if on_cloud else None):
        yield f"builds for {build.get('platforms')}"
    if build["local"]["push"] is not on_cloud:
        yield f"push is {build['local']['push']}"
    if build["tagPolicy"] != {"inputDigest": {}} or not build["local"]["useBuildkit"]:
        yield "the same code gets the same tag, by BuildKit"


def _manifest_faults(engines: Document, *, on_cloud: bool) -> Iterator[str]:
    if on_cloud:
        if "manifests" in engines or "deploy" in engines:
            yield "the engines of a developer's cluster on EKS"
        return
    if engines["manifests"]["kustomize"]["paths"] != ["k8s/base", "k8s/dev", "k8s/verify"]:
        yield "the engines' manifests"
    for path in engines["manifests"]["kustomize"]["paths"]:
        if not (ROOT / path / "kustomization.yaml").is_file():
            yield f"no {path}/kustomization.yaml"
    if engines["deploy"]["kubectl"]["defaultNamespace"] != NAMESPACE:
        yield "the engines are in another namespace"


def _release_faults(helm: dict[str, Any], environment: str) -> Iterator[str]:
    if [release["name"] for release in helm["releases"]] != list(SERVICES):
        yield "one release for each service"
    if not re.fullmatch(r"--kube-version=1\.\d+\.\d+", helm["flags"]["template"][0]):
        yield "rendering without a cluster"
    for release in helm["releases"]:
        yield from _one_release_faults(release, environment)


def _one_release_faults(release: dict[str, Any], environment: str) -> Iterator[str]:
    name, chart = release["name"], release["chartPath"]
    if release["namespace"] != NAMESPACE:
        yield f"{name} is in {release['namespace']}"
    if chart != f"charts/{name}" or not (ROOT / chart / "Chart.yaml").is_file():
        yield f"no chart {chart}"
    if release["valuesFiles"] != [f"charts/{name}/values-{environment}.yaml"]:
        yield f"{name} has the values of {release['valuesFiles']}"
    if not all((ROOT / path).is_file() for path in release["valuesFiles"]):
        yield f"no {release['valuesFiles']}"
    given = {"image.registry": ""} | ({"liveSync.enabled": "true"} if environment == "dev" else {})
    if release["setValues"] != given:
        yield f"{name} is given {release['setValues']}"
    parts = {"repository": "REPO", "tag": "TAG"} | ({} if environment == "dev" else {"digest": "DIGEST"})
    wanted = {f"image.{key}": f"{{{{.IMAGE_{part}_autodeal_{name}}}}}" for key, part in parts.items()}
    if release["setValueTemplates"] != wanted:
        yield f"{name} has another image"


@cache
def services() -> frozenset[tuple[str, int]]:
    """Return each Service of a developer's cluster with its ports."""
    documents = [*kustomized("dev"), *(document for name in SERVICES for document in rendered(name, "dev"))]
    return frozenset(
        (document["metadata"]["name"], port["port"])
        for document in documents
        if document["kind"] == "Service"
        for port in document["spec"]["ports"]
    )


def _forward_faults(forwards: list[dict[str, Any]], *, on_cloud: bool) -> Iterator[str]:
    if on_cloud:
        yield from ("a forward on EKS" for _ in forwards)
        return
    if [forward["localPort"] for forward in forwards] != [8081, 8080]:
        yield "the ports that the documents name"
    for forward in forwards:
        if (forward["resourceName"], forward["port"]) not in services():
            yield f"no service {forward['resourceName']}:{forward['port']}"
        if forward["namespace"] != NAMESPACE or forward["resourceType"] != "service":
            yield f"no {forward['resourceType']} in {forward['namespace']}"


def _verify_faults(cases: list[dict[str, Any]], images: list[str], *, on_cloud: bool) -> Iterator[str]:
    (case,) = cases
    container = case["container"]
    if container["image"] not in images or container["image"] != "autodeal/devstack":
        yield f"nobody builds {container['image']}"
    if container["args"][0] not in autodeal.commands:
        yield f"no command {container['args'][0]}"
    job = yaml.safe_load(
        (ROOT / case["executionMode"]["kubernetesCluster"]["jobManifestPath"]).read_text(encoding="utf-8")
    )
    pod = job["spec"]["template"]["spec"]
    if job["kind"] != "Job" or [each["name"] for each in pod["containers"]] != [container["name"]]:
        yield f"the Job has no container {container['name']}"
    if case["timeout"] < job["spec"]["activeDeadlineSeconds"] or case["name"] != job["metadata"]["name"]:
        yield "the Job's name and deadline"
    options = {option.envvar for option in autodeal.commands["verify"].params}
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    if not given.keys() <= options or ("SANDBOX_URL" in given) == on_cloud:
        yield f"environment {sorted(given)}"
    for url in given.values():
        parts = urlsplit(url)
        if parts.scheme != "http" or (parts.hostname, parts.port or 80) not in services():
            yield f"nothing at {url}"
