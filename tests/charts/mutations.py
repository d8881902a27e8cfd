"""The test of the tests: delete a line of a template, and some check must notice.

`python -m tests.charts.mutations [--sample N] [--seed S]` says which lines nobody would miss.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from tests.charts.checks.all_checks import complaints
from tests.charts.checks.check_notes import notes_complaints
from tests.charts.choose_cases import REFUSED, all_cases
from tests.charts.refuse_placeholders import placeholders, refused_values, stub_cluster
from tests.charts.render_charts import CHARTS, SERVICES, Case, RenderError, render, render_text

FIRST = ("everything", "nginx", "dev", "nothing", "live", "live-sync")
"""The cases in the order in which they are likely to notice."""
RULES = """
groups:
  - name: one
    rules:
      - alert: One
        expr: up{namespace="NAMESPACE",deployment="RELEASE-http"} == 0
        annotations:
          runbook_url: docs/runbooks/one.md
"""
DASHBOARD = '{"title": "one"}'


@dataclass(frozen=True)
class Mutation:
    """A line that is taken away."""

    path: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.number}: {self.text.strip()}"


def find_mutations() -> Iterator[Mutation]:
    """Return every line of every template that says something to helm."""
    for path in sorted(CHARTS.glob("*/templates/*")):
        in_comment = False
        for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
            opens = text.lstrip().startswith(("{{/*", "{{- /*"))
            in_comment = in_comment or opens
            if text.strip() and not in_comment:
                yield Mutation(str(path.relative_to(CHARTS)), number, text)
            if in_comment and "*/" in text:
                in_comment = False


def make_workspace(folder: Path) -> Path:
    """Copy the charts so that each reads the library of the copy; rules and dashboards are small."""
    charts = folder / "charts"
    shutil.copytree(CHARTS, charts, ignore=shutil.ignore_patterns("charts", "rules", "dashboards"))
    for service in SERVICES:
        (charts / service / "charts").mkdir()
        (charts / service / "charts" / "common").symlink_to(charts / "common")
        for number in (1, 2):
            for name, text in ((f"rules/{number}.yaml", RULES), (f"dashboards/{number}.json", DASHBOARD)):
                file = charts / service / name
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    return charts


def survives(mutation: Mutation, charts: Path) -> bool:
    """Tell whether no check notices that a line is gone."""
    path = charts / mutation.path
    whole = path.read_text("utf-8")
    lines = whole.splitlines(keepends=True)
    path.write_text("".join(lines[: mutation.number - 1] + lines[mutation.number :]), encoding="utf-8")
    try:
        return not any(notices(case, charts) for case in cases_for(mutation)) and not unrefused(charts)
    finally:
        path.write_text(whole, encoding="utf-8")


def cases_for(mutation: Mutation) -> list[Case]:
    """Return the cases that could notice, the likeliest first."""
    chart = mutation.path.partition("/")[0]
    cases = [case for case in all_cases() if case.name in FIRST and chart in ("common", case.chart)]
    charts = reversed(SERVICES) if "ingress" in mutation.path else SERVICES
    order = [(name, chart) for chart in charts for name in FIRST]
    return sorted(cases, key=lambda case: order.index((case.name, case.chart)))


def notices(case: Case, charts: Path) -> bool:
    """Tell whether a case renders no more, or renders something that a check complains of."""
    try:
        if any(complaints(render(case, charts / case.chart))):
            return True
        return case.name in ("dev", "nothing") and any(notes_complaints(case, charts / case.chart))
    except Exception:  # noqa: BLE001  whatever a check trips over, it noticed
        return True


def unrefused(charts: Path) -> bool:
    """Tell whether something is rendered that must be refused."""
    for case, _ in REFUSED:
        try:
            render_text(case, charts / case.chart)
        except RenderError:
            continue
        return True
    (live,) = (case for case in all_cases() if str(case) == "gateway-live")
    allowed = replace(live, overlay={"allowPlaceholders": True})
    with stub_cluster() as cluster:
        refused = refused_values(live, charts / "gateway", cluster)
        return refused != placeholders(live.values) or bool(
            refused_values(allowed, charts / "gateway", cluster)
        )


def find_survivors(mutations: Sequence[Mutation]) -> list[Mutation]:
    """Try each mutation, as many at a time as there are processors."""
    with tempfile.TemporaryDirectory() as folder:
        width = os.cpu_count() or 1
        workspaces: SimpleQueue[Path] = SimpleQueue()
        for number in range(width):
            workspaces.put(make_workspace(Path(folder) / str(number)))
        whole = make_workspace(Path(folder) / "whole")
        if any(notices(case, whole) for case in all_cases() if case.name in FIRST):
            raise AssertionError("the checks complain of the charts as they are")

        def attempt(mutation: Mutation) -> bool:
            charts = workspaces.get()
            try:
                unnoticed = survives(mutation, charts)
                if unnoticed:
                    sys.stdout.write(f"nobody notices: {mutation}\n")
                    sys.stdout.flush()
                return unnoticed
            finally:
                workspaces.put(charts)

        with ThreadPoolExecutor(width) as pool:
            alive = list(pool.map(attempt, mutations))
    return [mutation for mutation, alone in zip(mutations, alive, strict=True) if alone]


def main() -> int:
    """Print the lines that nobody would miss; return 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="how many lines to try; all by default")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    mutations = list(find_mutations())
    if arguments.sample:
        mutations = random.Random(arguments.seed).sample(mutations, arguments.sample)
    survivors = find_survivors(mutations)
    sys.stdout.write(f"{len(mutations)} lines deleted one by one, {len(survivors)} not noticed\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
