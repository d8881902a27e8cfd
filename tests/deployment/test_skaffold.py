"""Everything that `skaffold.yaml` names is there: images, paths, charts, services, ports, commands."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.deployment.chart_facts import rendered
from tests.deployment.places import ROOT, SERVICES, TOOLS
from tests.deployment.skaffold_faults import PRODUCT, configs, skaffold_faults

PROFILES = ((), ("cloud",), ("cloud", "live"))
FREE_TO_CHOOSE = {"concurrency", "statusCheckDeadlineSeconds", "timeout"}


@pytest.mark.parametrize("profiles", PROFILES, ids=lambda profiles: "+".join(profiles) or "dev")
def test_all_that_is_named_exists_when_profiles_are_applied(profiles: tuple[str, ...]) -> None:
    assert skaffold_faults(configs(), profiles) == []


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(node, list):
        for position, inner in enumerate(node):
            yield from leaves(inner, (*path, position))
    else:
        yield path


def spoilt(path: tuple[Any, ...]) -> list[Any]:
    documents: Any = copy.deepcopy(configs())
    place = documents
    for part in path[:-1]:
        place = place[part]
    value = place[path[-1]]
    place[path[-1]] = (
        not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
    )
    return list(documents)


def test_fault_is_found_when_any_word_or_number_is_changed() -> None:
    unnoticed = []
    for path in leaves(configs()):
        if path[-1] in FREE_TO_CHOOSE:
            continue
        if not any(skaffold_faults(spoilt(path), profiles) for profiles in PROFILES):
            unnoticed.append(path)
    assert not unnoticed


@pytest.mark.parametrize("service", SERVICES)
def test_copied_files_outlive_the_restart_of_a_container_when_developing(service: str) -> None:
    (product,) = [config for config in configs() if config["metadata"]["name"] == PRODUCT]
    (release,) = [each for each in product["manifests"]["helm"]["releases"] if each["name"] == service]
    (artifact,) = [each for each in product["build"]["artifacts"] if each["image"] == f"autodeal/{service}"]
    given = [f"{key}={value}" for key, value in release["setValues"].items()]
    pods = [
        document["spec"]["template"]["spec"]
        for document in rendered(service, "dev", *given)
        if document["kind"] == "Deployment"
    ]
    assert pods
    for pod in pods:
        volumes = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
        (container,) = pod["containers"]
        writable = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in volumes]
        for rule in artifact["sync"]["manual"]:
            assert any(rule["dest"].startswith(f"{path}/") for path in writable)


@pytest.mark.skipif(shutil.which("skaffold") is None, reason="no skaffold on this machine")
@pytest.mark.parametrize("profiles", PROFILES, ids=lambda profiles: "+".join(profiles) or "dev")
def test_skaffold_itself_understands_the_file_when_it_is_there(
    profiles: tuple[str, ...], tmp_path: Path
) -> None:
    command = ["skaffold", "diagnose", "--yaml-only", *(f"--profile={name}" for name in profiles)]
    environment = {
        **os.environ,
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SKAFFOLD_UPDATE_CHECK": "false",
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
