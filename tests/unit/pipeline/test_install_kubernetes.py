"""`.ci/install-kubernetes`, with a stand-in for curl that serves a folder."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "install-kubernetes"
STAND_IN = """#!/usr/bin/env bash
while (($#)); do
  case $1 in
    --output) exec > "$2"; shift ;;
    https://*) exec cat "$SERVED/${1##*/}" ;;
  esac
  shift
done
"""


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Return the folder with what is published: each program says its own name and version."""
    folder = tmp_path / "served"
    folder.mkdir()
    text = SCRIPT.read_text()
    for name in ("helm", "helm3"):
        (version,) = re.findall(rf"\b{name}=(v[\d.]+)", text)
        archive = folder / f"helm-{version}-linux-arm64.tar.gz"
        program = f"{name} {version}".encode()
        member = tarfile.TarInfo("linux-arm64/helm")
        member.size = len(program)
        with tarfile.open(archive, "w:gz") as packed:
            packed.addfile(member, io.BytesIO(program))
        (folder / f"{archive.name}.sha256sum").write_text(f"{sha256(archive)}  {archive.name}\n")
    (folder / "kubectl").write_text("kubectl")
    (folder / "kubectl.sha256").write_text(sha256(folder / "kubectl"))
    return folder


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def install(served: Path) -> subprocess.CompletedProcess[str]:
    programs = served.parent / "programs"
    programs.mkdir()
    (programs / "curl").write_text(STAND_IN)
    (programs / "curl").chmod(0o755)
    return subprocess.run(
        [str(SCRIPT), str(served.parent / "installed")],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "SERVED": str(served)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_program_is_there_under_its_name(served: Path) -> None:
    run = install(served)
    assert run.returncode == 0, run.stderr
    installed = {file.name: file for file in (served.parent / "installed").iterdir()}
    assert installed.keys() == {"helm", "helm3", "kubectl"}
    assert all(file.stat().st_mode & 0o111 for file in installed.values())
    assert installed["helm"].read_text().startswith("helm v4.")
    assert installed["helm3"].read_text().startswith("helm3 v3.")


@pytest.mark.parametrize("name", ["helm-v4*.gz", "helm-v3*.gz", "kubectl"])
def test_program_is_refused_when_its_sum_is_another(served: Path, name: str) -> None:
    (tampered,) = served.glob(name)
    tampered.write_bytes(tampered.read_bytes() + b"more")
    run = install(served)
    assert run.returncode != 0
    assert "did NOT match" in run.stderr
    program = {"helm-v4*.gz": "helm", "helm-v3*.gz": "helm3"}.get(name, name)
    assert not (served.parent / "installed" / program).exists()


@pytest.mark.parametrize("name", ["helm-v4*.sha256sum", "kubectl.sha256"])
def test_program_is_refused_when_no_sum_is_published(served: Path, name: str) -> None:
    (told,) = served.glob(name)
    told.unlink()
    assert install(served).returncode != 0
