"""The workflows: sound by two linters, pinned, with few rights, no stored key, and of this repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = ROOT / ".tools" / "actionlint" / "actionlint"
PINNED = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+\n")
GRANTS = {("contents", "read"), ("id-token", "write")}
RUNNERS = {"ubuntu-24.04", "ubuntu-24.04-arm"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IMAGES = ["vehicle", "payment", "gateway", "devstack"]

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)


def read(workflow: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for a truth value.
    loaded: dict[str, Any] = yaml.load(workflow.read_text(), Loader=yaml.BaseLoader)
    return loaded


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(workflow)["jobs"]
    return found


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(workflow).values():
        yield from job.get("steps", [])


def commands() -> str:
    return "\n".join(step.get("run", "") for workflow in WORKFLOWS for step in steps(workflow))


def test_there_are_workflows_to_judge() -> None:
    assert [workflow.stem for workflow in WORKFLOWS] == ["check", "deploy", "images"]


def test_they_fit_their_schema() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_auditor_finds_nothing() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("zizmor"), "--offline", "--no-progress", ROOT / ".github"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_linter_finds_nothing() -> None:
    linter = ACTIONLINT if ACTIONLINT.exists() else shutil.which("actionlint")
    if linter is None:
        pytest.skip("actionlint is not here: make actionlint (Go)")
    run = subprocess.run([linter, "-no-color"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@each_workflow
def test_each_action_is_pinned_by_commit_and_names_its_version(workflow: Path) -> None:
    for line in workflow.read_text().splitlines(keepends=True):
        if "uses: " in line and "uses: ./" not in line:
            assert PINNED.search(line), line


def test_one_action_has_one_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for workflow in WORKFLOWS:
        for pin in PINNED.finditer(workflow.read_text()):
            pins.setdefault(pin["action"], set()).add(pin["commit"])
    assert {action: commits for action, commits in pins.items() if len(commits) > 1} == {}


@each_workflow
def test_nothing_is_granted_but_what_a_job_asks_for(workflow: Path) -> None:
    # An empty mapping: whatever a job does not ask for it has not.
    assert read(workflow)["permissions"] == {}
    for name, job in jobs(workflow).items():
        assert job["permissions"].items() <= GRANTS, name
        assert job["permissions"]["contents"] == "read", name


def test_no_identity_is_had_by_what_a_pull_request_can_change() -> None:
    on_requests = [workflow for workflow in WORKFLOWS if "pull_request" in read(workflow)["on"]]
    assert [workflow.stem for workflow in on_requests] == ["check"]
    for workflow in on_requests:
        assert all("id-token" not in job["permissions"] for job in jobs(workflow).values())
        assert all("uses" not in job for job in jobs(workflow).values())


@each_workflow
def test_no_key_is_stored(workflow: Path) -> None:
    text = workflow.read_text()
    assert "secrets." not in text
    assert "secrets:" not in text
    assert "aws-access-key-id" not in text
    for step in steps(workflow):
        if step.get("uses", "").startswith("aws-actions/configure-aws-credentials@"):
            assert step["with"]["role-to-assume"].startswith("${{ vars.")


@each_workflow
def test_nothing_is_emulated_and_nothing_runs_for_ever(workflow: Path) -> None:
    text = workflow.read_text()
    assert "qemu" not in text.lower()
    for name, job in jobs(workflow).items():
        if "uses" in job:
            continue
        assert int(job["timeout-minutes"]) <= 120, name
        matrix = job.get("strategy", {}).get("matrix", {})
        runners = matrix.get("runner") or [machine["runner"] for machine in matrix.get("machine", [])]
        assert set(runners or [job["runs-on"]]) <= RUNNERS, name


def test_checks_run_on_both_architectures_by_the_same_commands_as_anywhere() -> None:
    check = jobs(ROOT / ".github" / "workflows" / "check.yml")
    assert set(check["test"]["strategy"]["matrix"]["runner"]) == RUNNERS
    assert check["test"]["steps"][-1]["run"] == ".ci/run"
    assert set(check["images"]["strategy"]["matrix"]["runner"]) == RUNNERS


def test_each_image_is_built_on_its_own_architecture_and_pushed_by_digest_with_its_origin() -> None:
    build = jobs(ROOT / ".github" / "workflows" / "images.yml")["build"]
    matrix = build["strategy"]["matrix"]
    assert matrix["image"] == IMAGES
    assert matrix["machine"] == [
        {"architecture": "amd64", "runner": "ubuntu-24.04"},
        {"architecture": "arm64", "runner": "ubuntu-24.04-arm"},
    ]
    (push,) = [step for step in build["steps"] if "build-push-action" in step.get("uses", "")]
    assert "push-by-digest=true" in push["with"]["outputs"]
    assert (push["with"]["sbom"], push["with"]["provenance"]) == ("true", "mode=max")
    assert push["with"]["platforms"] == "linux/${{ matrix.machine.architecture }}"
    told = dict(line.split("=", 1) for line in push["with"]["build-args"].splitlines())
    labels = re.findall(r'="\$\{([A-Z]+)\}"', DOCKERFILE)
    assert set(told) == set(labels) == {"VERSION", "REVISION", "SOURCE"}
    # A version is told only of what a tag names, not of what was picked by hand on a run from a tag.
    assert "github.ref_type == 'tag' && inputs.ref == github.sha" in told["VERSION"]


def test_deployment_waits_for_checks_and_images_and_is_alone_in_its_environment() -> None:
    workflow = ROOT / ".github" / "workflows" / "deploy.yml"
    triggers = read(workflow)["on"]
    assert triggers["push"] == {"tags": ["v*"]}
    assert triggers["workflow_dispatch"]["inputs"]["environment"]["options"] == ["sandbox", "live"]
    assert "ref" in triggers["workflow_dispatch"]["inputs"]
    deploy = jobs(workflow)["deploy"]
    assert set(deploy["needs"]) == {"check", "images"}
    assert deploy["environment"] == "${{ matrix.environment }}"
    assert deploy["concurrency"] == {
        "group": "deploy-${{ matrix.environment }}",
        "cancel-in-progress": "false",
    }
    assert deploy["strategy"]["max-parallel"] == "1"


def test_every_target_and_file_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    run = (ROOT / ".ci" / "run").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", commands() + run):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    scripts = set(re.findall(r"\.ci/[a-z-]+", commands() + run))
    assert scripts == {f".ci/{file.name}" for file in (ROOT / ".ci").iterdir()}
    for script in scripts:
        assert (ROOT / script).stat().st_mode & 0o111, script
    for workflow in WORKFLOWS:
        for called in re.findall(r"uses: \./(\S+)", workflow.read_text()):
            assert (ROOT / called).is_file(), called
    for image in IMAGES:
        assert re.search(rf"^FROM .* AS {image}$", DOCKERFILE, re.MULTILINE), image
