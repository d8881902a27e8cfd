"""The Dockerfile, read as text: what every image promises."""

from __future__ import annotations

import json
import re
import sysconfig
import tomllib
from pathlib import Path

import certifi
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


def image(name: str) -> list[tuple[str, str]]:
    """Return what BuildKit does for an image after the bare base: its parents' instructions, then its own."""
    stage = stages()[name]
    parent = stage[0][1].split(" AS ")[0]
    return [*image(parent), *stage[1:]] if parent in stages() else stage[1:]


def arguments(instruction: str, of: list[tuple[str, str]]) -> list[str]:
    return [rest for word, rest in of if word == instruction]


def test_every_stage_has_a_name_and_builds_for_the_target_platform() -> None:
    froms = arguments("FROM", instructions())
    assert froms
    assert all(re.fullmatch(r"\S+ AS [a-z-]+", rest) for rest in froms), froms
    assert "--platform" not in DOCKERFILE


@pytest.mark.parametrize("name", MEMBERS)
def test_image_runs_its_own_program_as_a_numeric_user_without_a_shell(name: str) -> None:
    whole = image(name)
    project = tomllib.loads((ROOT / MEMBERS[name] / "pyproject.toml").read_text())["project"]
    assert arguments("USER", whole) == ["10001:10001"]
    (entrypoint,) = (json.loads(rest) for rest in arguments("ENTRYPOINT", whole))
    (program,) = map(Path, entrypoint)
    assert program.parent == Path("/app/.venv/bin")
    assert program.name in project["scripts"]
    # An entry point forgets the arguments of the stages before, so that each says its own.
    assert [word for word, _ in stages()[name]].count("CMD") == 1
    assert all(json.loads(rest) for rest in arguments("CMD", whole))


@pytest.mark.parametrize("name", MEMBERS)
def test_image_says_what_it_is(name: str) -> None:
    labels = " ".join(arguments("LABEL", image(name)))
    project = tomllib.loads((ROOT / MEMBERS[name] / "pyproject.toml").read_text())["project"]
    assert f'title="{project["name"]}"' in labels
    for label in ("description", "version", "revision", "source", "licenses"):
        assert labels.count(f"org.opencontainers.image.{label}=") == 1


def test_what_labels_and_owners_are_made_of_is_known_where_they_are_written() -> None:
    words = [word for word, _ in stages()["runtime"]]
    declared = " ".join(arguments("ARG", stages()["runtime"]))
    for argument in ("APP_OWNER", "VERSION", "REVISION", "SOURCE"):
        assert argument in declared
    last = len(words) - 1 - words[::-1].index("ARG")
    assert last < words.index("LABEL")


@pytest.mark.parametrize("name", MEMBERS)
def test_image_is_the_bare_base_and_two_layers_over_it(name: str) -> None:
    assert stages()["runtime"][0] == ("FROM", "${PYTHON_IMAGE} AS runtime")
    assert stages()[name][0] == ("FROM", f"runtime AS {name}")
    owner = "--chown=${APP_OWNER}"
    assert arguments("COPY", image(name)) == [
        f"--from={name}-packages {owner} /app/.venv /app/.venv",
        f"--from={name}-code {owner} /app/code /app/.venv",
    ]
    assert not arguments("RUN", stages()[name])


@pytest.mark.parametrize("name", MEMBERS)
def test_packages_come_as_wheels_by_hash_from_the_members_own_lock(name: str) -> None:
    stage = stages()[f"{name}-packages"]
    (installed,) = arguments("RUN", stage)
    assert stage[0] == ("FROM", f"build AS {name}-packages")
    assert arguments("COPY", stage) == [f"{MEMBERS[name]}/requirements.lock ./"]
    assert "uv pip install" in installed
    assert "--require-hashes" in installed
    assert "--only-binary :all:" in installed


@pytest.mark.parametrize("name", MEMBERS)
def test_our_own_code_is_installed_without_the_network(name: str) -> None:
    (installed,) = arguments("RUN", stages()[f"{name}-code"])
    assert stages()[f"{name}-code"][0] == ("FROM", f"libs AS {name}-code")
    assert re.match(r"uv pip install .*--prefix /app/code libs/\* ", installed)
    assert installed.split()[-1].removeprefix("./") == MEMBERS[name]
    # A wheel that an earlier build left in the cache could be of older code.
    for option in ("--offline", "--no-cache", "--no-deps"):
        assert option in installed.split()


def test_what_is_installed_runs_on_the_python_of_the_image() -> None:
    assert stages()["build"][0][1].split()[0] == stages()["runtime"][0][1].split()[0] == "${PYTHON_IMAGE}"
    (environment,) = arguments("ENV", stages()["build"])
    assert "VIRTUAL_ENV=/app/.venv" in environment.split()
    assert "UV_COMPILE_BYTECODE=1" in environment.split()


def test_downloads_are_cached_where_uv_looks_for_them() -> None:
    (environment,) = arguments("ENV", stages()["build"])
    mounts = re.findall(r"--mount=type=cache,target=(\S+)", DOCKERFILE)
    assert mounts == ["/var/cache/uv"] * len(MEMBERS)
    assert "UV_CACHE_DIR=/var/cache/uv" in environment.split()


@pytest.mark.parametrize("name", MEMBERS)
def test_image_brings_the_certificates_that_its_clients_trust(name: str) -> None:
    """A path to nothing would be no error: nobody would be trusted."""
    (file,) = re.findall(r"SSL_CERT_FILE=(\S+)", " ".join(arguments("ENV", image(name))))
    version = re.search(r"PYTHON_IMAGE=python:(3\.\d+)", DOCKERFILE)
    assert version
    packages = Path(f"/app/.venv/lib/python{version[1]}/site-packages")
    assert Path(file) == packages / Path(certifi.where()).relative_to(sysconfig.get_path("purelib"))
    assert re.search(r"^certifi==", (ROOT / MEMBERS[name] / "requirements.lock").read_text(), re.MULTILINE)


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
    for folder in allowed:
        assert (ROOT / folder).is_dir(), f"{folder}: older builders let nothing in by wildcards"
