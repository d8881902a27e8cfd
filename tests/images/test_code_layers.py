"""The layer of our own code, made as the Dockerfile says from what enters a build, without the network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
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
LIBS = {"autodeal_contracts", "autodeal_messaging", "autodeal_platform"}


def uv_folder() -> Path:
    version = re.search(r"^uv==(\S+)", (ROOT / "tools" / "uv.txt").read_text())
    assert version
    return ROOT / ".tools" / f"uv-{version[1]}" / "bin"


def copy_context(target: Path) -> None:
    """Copy what .dockerignore lets in."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    shut_out = [
        line.removeprefix("**/") for line in lines if line[:1] not in {"!", "#", "*"} or line[:3] == "**/"
    ]
    for folder in (line[1:] for line in lines if line.startswith("!")):
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns(*shut_out))


@pytest.mark.parametrize("name", MEMBERS)
def test_code_of_an_image_is_built_from_its_context_alone(name: str, tmp_path: Path) -> None:
    context, code = tmp_path / "context", tmp_path / "code"
    copy_context(context)
    command = re.search(rf"AS {name}-code\n(?:COPY .*\n)+RUN (.*)\n", DOCKERFILE)
    assert command
    environment = {
        "PATH": f"{uv_folder()}:{os.defpath}",
        "VIRTUAL_ENV": sys.prefix,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_LINK_MODE": "copy",
    }
    subprocess.run(
        ["/bin/sh", "-c", command[1].replace("/app/code", str(code))],
        cwd=context,
        env=environment,
        check=True,
        timeout=60,
    )
    (packages,) = code.glob("lib/python3.*/site-packages")
    project = tomllib.loads((ROOT / MEMBERS[name] / "pyproject.toml").read_text())["project"]
    installed = {path.name for path in packages.iterdir() if not path.name.endswith(".dist-info")}
    services = {f"autodeal_{other}" for other in MEMBERS} if name == "devstack" else {f"autodeal_{name}"}
    assert installed == LIBS | services
    for program in project["scripts"]:
        # The packages' Python, not that of the prefix: the image lays the one over the other.
        assert (code / "bin" / program).read_text().startswith(f"#!{sys.prefix}/bin/python")
