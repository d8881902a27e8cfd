"""Where things are, and how files of `k8s/` are read as kustomize would hand them on."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("sandbox", "live")
SERVICES = ("vehicle", "payment", "gateway")
TOOLS = ROOT / ".tools" / "kubernetes" / "bin"

Document = dict[str, Any]


def tool(name: str) -> str:
    """Return the path of a tool: the one `make kubernetes-tools` fetched, else the machine's own."""
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is missing: make kubernetes-tools"
    return found


@cache
def kustomized(folder: str) -> tuple[Document, ...]:
    """Return the documents of a folder below `k8s/`."""
    command = [tool("kubectl"), "kustomize", str(ROOT / "k8s" / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def only(documents: tuple[Document, ...], kind: str, name: str | None = None) -> Document:
    """Return the one document of a kind."""
    found = [each for each in documents if each["kind"] == kind and name in {None, each["metadata"]["name"]}]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]


def read(path: str) -> Any:
    """Return a YAML file of one document."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def facts(environment: str) -> dict[str, str]:
    """Return the facts of an account."""
    lines = (ROOT / "k8s" / "account" / environment / "account.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
