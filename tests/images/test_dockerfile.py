"""The Dockerfile, read as text: what every image promises."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
MEMBERS = {
    "vehicle": "services/vehicle",
    "payment": "services/payment",
    "gateway": "services/gateway",
    "devstack": "devstack",
}


def instructions() -> list[tuple[str, str]]:
    """Return the instructions with their arguments, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    split = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word, rest) for word, rest in split]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Return each stage's instructions by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    current = ""
    for word, rest in instructions():
        if word == "FROM":
            current = rest.split(" AS ")[1]
            found[current] = []
        if current:
            found[current].append((word, rest))
    return found


def test_every_stage_has_a_name_and_builds_for_the_target_platform() -> None:
    froms = [rest for word, rest in instructions() if word == "FROM"]
    assert froms
    assert all(re.fullmatch(r"\S+ AS [a-z-]+", rest) for rest in froms), froms
    assert "--platform" not in DOCKERFILE


@pytest.mark.parametrize("name", MEMBERS)
def test_image_runs_its_own_program_as_a_numeric_user_without_a_shell(name: str) -> None:
    stage = stages()[name]
    users = [rest for word, rest in stage if word == "USER"]
    entrypoints = [json.loads(rest) for word, rest in stage if word == "ENTRYPOINT"]
    commands = [json.loads(rest) for word, rest in stage if word == "CMD"]
    project = tomllib.loads((ROOT / MEMBERS[name] / "pyproject.toml").read_text())["project"]
    assert users[-1] == "10001:10001"
    assert stage.index(("USER", users[-1])) < [word for word, _ in stage].index("ENTRYPOINT")
    assert [Path(program[0]).parent for program in entrypoints] == [Path("/app/.venv/bin")]
    assert Path(entrypoints[0][0]).name in project["scripts"]
    assert len(commands) == 1


@pytest.mark.parametrize("name", MEMBERS)
def test_image_says_what_it_is(name: str) -> None:
    labels = " ".join(rest for word, rest in stages()[name] if word == "LABEL")
    project = tomllib.loads((ROOT / MEMBERS[name] / "pyproject.toml").read_text())["project"]
    assert f'title="{project["name"]}"' in labels
    for label in ("description", "version", "revision", "source"):
        assert f"org.opencontainers.image.{label}=" in labels


@pytest.mark.parametrize("name", MEMBERS)
def test_final_stage_starts_from_the_bare_base_when_packages_were_installed_elsewhere(name: str) -> None:
    stage = stages()[name]
    assert stage[0] == ("FROM", f"runtime AS {name}")
    assert stages()["runtime"][0] == ("FROM", "${PYTHON_IMAGE} AS runtime")
    installed = " ".join(rest for word, rest in stage if word == "RUN")
    assert "apt" not in installed
    assert "--no-deps" in installed
    assert "--offline" in installed


@pytest.mark.parametrize("name", MEMBERS)
def test_packages_come_as_wheels_by_hash_from_the_members_own_lock(name: str) -> None:
    stage = stages()[f"{name}-packages"]
    copied = [rest for word, rest in stage if word == "COPY"]
    installed = [rest for word, rest in stage if word == "RUN"]
    assert copied == [f"{MEMBERS[name]}/requirements.lock ./"]
    assert "--require-hashes" in installed[-1]
    assert "--only-binary :all:" in installed[-1]


def test_uv_is_the_one_that_the_makefile_installs() -> None:
    version = re.search(r"^uv==(\S+)", (ROOT / "tools" / "uv.txt").read_text())
    assert version
    assert f"ARG UV_IMAGE=ghcr.io/astral-sh/uv:{version[1]}\n" in DOCKERFILE


def test_everything_that_is_copied_exists_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    sources = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    for source in (part for parts in sources for part in parts):
        assert (ROOT / source).exists(), source
        assert any(pattern.split("/")[0] == source.split("/")[0] for pattern in allowed), source
    for pattern in allowed:
        assert list(ROOT.glob(pattern)), f"{pattern} lets nothing in"
