"""Charts rendered by the real helm: which chart, with which values, and what comes out."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
PROGRAMS = ROOT / ".tools" / "kubernetes" / "bin"
SERVICES = ("vehicle", "payment", "gateway")
NAMESPACE = "autodeal"
KUBERNETES_VERSIONS = ("1.33.0", "1.34.0", "1.35.0")
"""The versions of Kubernetes that EKS supports without an extra charge."""


@cache
def chart_writer() -> ModuleType:
    """Return the module that writes the charts' schemas; it knows how values are laid over each other."""
    spec = importlib.util.spec_from_file_location("write_charts", ROOT / "tools" / "write_charts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Case:
    """A chart with values: files of its own, and maybe more laid over them."""

    chart: str
    name: str
    files: tuple[str, ...] = ()
    overlay: Json = field(default_factory=dict)
    release: str = ""
    """The chart's name unless given."""
    namespace: str = NAMESPACE

    def __str__(self) -> str:
        return f"{self.chart}-{self.name}"

    @property
    def values(self) -> Json:
        """The values as templates see them."""
        merged: Json = deepcopy(chart_writer().merge(_values_of(self.chart, self.files), self.overlay))
        return merged


@cache
def _values_of(chart: str, files: tuple[str, ...]) -> Json:
    """Return a chart's values with files laid over them."""
    merged: Json = chart_writer().default_values(chart)
    for name in files:
        merged = chart_writer().merge(merged, yaml.safe_load((CHARTS / chart / name).read_text("utf-8")))
    return merged


@dataclass(frozen=True)
class Release:
    """What helm made of a case."""

    case: Case
    values: Json
    objects: list[Json]
    folder: Path
    """The chart that was rendered, with its rules and dashboards."""

    @property
    def name(self) -> str:
        """The release's name."""
        return self.case.release or self.case.chart

    @property
    def has_worker(self) -> bool:
        """Tell whether the service has a second Deployment."""
        return "worker" in self.values

    def of(self, kind: str) -> list[Json]:
        """Return the objects of a kind."""
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str, name: str) -> Json | None:
        """Return an object, if it was rendered."""
        return next((found for found in self.of(kind) if found["metadata"]["name"] == name), None)


class RenderError(Exception):
    """Helm refused to render; the message is what it said."""


def render(case: Case, chart: Path, *, helm: str = "helm", kubernetes: str = "1.35.0") -> Release:
    """Render a case from the chart in a folder. Raises RenderError."""
    text = render_text(case, chart, helm=helm, kubernetes=kubernetes)
    return Release(case, case.values, read_objects(text), chart)


def read_objects(text: str) -> list[Json]:
    """Return the objects of a manifest; a key that stands twice is an error."""
    return [found for found in yaml.load_all(text, Loader=UniqueKeys) if found]


def render_text(
    case: Case, chart: Path, *, helm: str = "helm", kubernetes: str = "1.35.0", also: tuple[str, ...] = ()
) -> str:
    """Return what helm prints for a case. Raises RenderError."""
    command: list[str | Path] = [PROGRAMS / helm, "template", case.release or case.chart, chart]
    command += ["--namespace", case.namespace, "--kube-version", kubernetes, *also]
    for name in case.files:
        command += ["--values", CHARTS / case.chart / name]
    command += ["--values", "-"]
    return run(command, yaml.safe_dump(case.overlay))


def run(command: list[str | Path], given: str = "", environment: Mapping[str, str] | None = None) -> str:
    """Return what a program prints. Raises RenderError with what it complains of."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return done.stdout


class UniqueKeys(yaml.CSafeLoader):
    """Refuses a mapping in which a key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's own signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.constructor.ConstructorError(
                None, None, f"a key stands twice in {keys}", node.start_mark
            )
        return super().construct_mapping(node, deep)
