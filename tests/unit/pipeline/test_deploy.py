"""`.ci/deploy` and `.ci/join-images`, with stand-ins for helm, skaffold and docker that note their orders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DIGESTS = {
    image: f"sha256:{letter * 64}"
    for image, letter in zip(("vehicle", "payment", "gateway", "devstack"), "abcd", strict=True)
}
STAND_IN = """#!/usr/bin/env bash
program=$(basename "$0")
echo "$program $*" >> "$CALLS"
for pattern in $FAILING; do
  [[ $program-$1-$2 == $pattern ]] && exit 1
done
case "$program $*" in
  "helm version"*) echo "$HELM_VERSION" ;;
  "helm history"*)
    cat "$HISTORY/$2" 2>/dev/null && exit
    echo "Error: ${HISTORY_ERROR:-release: not found}" >&2
    exit 1 ;;
  "skaffold verify"*) cat "${@: -1}" >> "$CALLS" ;;
  *"imagetools inspect"*) printf 'sha256:%064d\\n' 0 ;;
esac
"""


@dataclass
class Cluster:
    """What the scripts find, and the record of what they did."""

    folder: Path
    failing: str = ""
    helm_version: str = "v3.17.0+g301108e"
    history_error: str = ""

    def has(self, service: str, *revisions: tuple[int, str]) -> None:
        entries = [{"revision": revision, "status": status} for revision, status in revisions]
        (self.folder / service).write_text(json.dumps(entries))

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / ".ci" / script), *arguments],
            env={
                "PATH": f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "CALLS": str(self.folder / "calls"),
                "HISTORY": str(self.folder),
                "HISTORY_ERROR": self.history_error,
                "HELM_VERSION": self.helm_version,
                "FAILING": self.failing,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def deploy(self, environment: str = "sandbox") -> subprocess.CompletedProcess[str]:
        return self.run(
            "deploy",
            DEPLOY_ENVIRONMENT=environment,
            REGISTRY="registry.example",
            DIGESTS=json.dumps(DIGESTS),
        )

    def calls(self, beginning: str = "") -> list[str]:
        log = self.folder / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line.startswith(beginning)]

    def changed(self) -> list[str]:
        """Return what was done to the cluster: the verbs and their releases."""
        return [
            " ".join(line.split()[1:3])
            for line in self.calls("helm ")
            if line.split()[1] in {"upgrade", "rollback"}
        ]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "bin").mkdir()
    for name in ("helm", "skaffold", "docker"):
        program = tmp_path / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    cluster = Cluster(tmp_path)
    cluster.has("vehicle", (3, "superseded"), (4, "deployed"))
    cluster.has("payment", (6, "deployed"), (7, "failed"))
    cluster.has("gateway", (2, "deployed"))
    return cluster


def test_three_releases_by_digest_and_a_purchase_when_all_goes_well(cluster: Cluster) -> None:
    run = cluster.deploy("live")
    assert run.returncode == 0, run.stderr
    assert cluster.changed() == ["upgrade vehicle", "upgrade payment", "upgrade gateway"]
    for service, line in zip(("vehicle", "payment", "gateway"), cluster.calls("helm upgrade"), strict=True):
        assert f"--values charts/{service}/values-live.yaml" in line
        assert f"image.digest={DIGESTS[service]}" in line
        assert "image.registry=registry.example" in line
        assert "--install --atomic --timeout 15m --namespace autodeal" in line
        assert (ROOT / "charts" / service / "values-live.yaml").is_file()
    (verify,) = cluster.calls("skaffold verify")
    assert "--module autodeal --profile cloud,live" in verify
    assert f"registry.example/autodeal/devstack@{DIGESTS['devstack']}" in cluster.calls()[-1]


def test_the_flag_is_helm_fours_own_when_helm_is_four(cluster: Cluster) -> None:
    cluster.helm_version = "v4.1.4+g05fa379"
    assert cluster.deploy().returncode == 0
    assert all("--rollback-on-failure" in line for line in cluster.calls("helm upgrade"))
    assert all("--atomic" not in line for line in cluster.calls("helm upgrade"))


def test_earlier_releases_go_back_when_a_later_one_fails(cluster: Cluster) -> None:
    cluster.failing = "helm-upgrade-gateway"
    assert cluster.deploy().returncode == 1
    assert cluster.changed()[-3:] == ["upgrade gateway", "rollback payment", "rollback vehicle"]
    assert [line.split()[3] for line in cluster.calls("helm rollback")] == ["6", "4"]
    assert cluster.calls("skaffold") == []


def test_every_release_goes_back_when_the_purchase_fails(cluster: Cluster) -> None:
    cluster.failing = "skaffold-verify-*"
    assert cluster.deploy().returncode == 1
    assert cluster.changed()[-3:] == ["rollback gateway", "rollback payment", "rollback vehicle"]


def test_the_others_go_back_too_when_one_cannot(cluster: Cluster) -> None:
    cluster.failing = "skaffold-verify-* helm-rollback-payment"
    assert cluster.deploy().returncode == 1
    assert cluster.changed()[-3:] == ["rollback gateway", "rollback payment", "rollback vehicle"]


def test_release_that_was_not_there_before_stays_when_the_purchase_fails(cluster: Cluster) -> None:
    (cluster.folder / "gateway").unlink()
    cluster.failing = "skaffold-verify-*"
    run = cluster.deploy()
    assert run.returncode == 1
    assert cluster.changed()[-2:] == ["rollback payment", "rollback vehicle"]
    assert "gateway was not there before" in run.stderr


def test_chart_without_its_library_is_not_installed(cluster: Cluster) -> None:
    cluster.failing = "helm-dependency-build"
    assert cluster.deploy().returncode == 1
    assert cluster.changed() == []


def test_nothing_is_touched_when_the_cluster_does_not_say_what_it_runs(cluster: Cluster) -> None:
    (cluster.folder / "payment").unlink()
    cluster.history_error = "Kubernetes cluster unreachable"
    run = cluster.deploy()
    assert run.returncode != 0
    assert "unreachable" in run.stderr
    assert cluster.changed() == []


def test_nothing_is_touched_when_a_digest_or_the_environment_is_missing(cluster: Cluster) -> None:
    assert cluster.deploy("production").returncode == 2
    run = cluster.run("deploy", DEPLOY_ENVIRONMENT="live", REGISTRY="r", DIGESTS='{"vehicle": "sha256:a"}')
    assert run.returncode != 0
    assert cluster.changed() == []


def test_both_architectures_are_joined_and_their_digests_told(cluster: Cluster, tmp_path: Path) -> None:
    for image in DIGESTS:
        for architecture in ("amd64", "arm64"):
            folder = tmp_path / "digests" / f"digest-{image}-{architecture}"
            folder.mkdir(parents=True)
            (folder / "digest").write_text(f"sha256:{image}-{architecture}\n")
    run = cluster.run("join-images", str(tmp_path / "digests"), "registry.example", "abc")
    assert run.returncode == 0, run.stderr
    name, told = run.stdout.strip().split("=", 1)
    assert (name, set(json.loads(told))) == ("digests", set(DIGESTS))
    assert cluster.calls("docker buildx imagetools create")[0].split()[4:] == [
        "--tag",
        "registry.example/autodeal/vehicle:abc",
        "registry.example/autodeal/vehicle@sha256:vehicle-amd64",
        "registry.example/autodeal/vehicle@sha256:vehicle-arm64",
    ]
    # One that is missing is no list of one architecture.
    (tmp_path / "digests" / "digest-gateway-arm64" / "digest").unlink()
    assert cluster.run("join-images", str(tmp_path / "digests"), "registry.example", "abc").returncode != 0
