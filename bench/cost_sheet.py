"""What a run found out, line by line, and its place in the documents."""

from __future__ import annotations

import os
import platform
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
PART = re.compile(r"(<!-- measured: purchase -->\n).*?(<!-- end -->)", re.DOTALL)


class CostSheet:
    """Figures in the order in which they were said; two spaces before one make it a part of the other."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def say(self, what: str, figure: str) -> None:
        """Print a figure and keep it."""
        self.lines.append((what, figure))
        sys.stdout.write(f"{what}: {figure}\n")
        sys.stdout.flush()

    def table(self, run: str) -> str:
        """Return the figures as Markdown, under the words that tell of the run."""
        rows = [
            f"| {'… ' if what.startswith('  ') else ''}{what.strip()} | {figure} |"
            for what, figure in self.lines
        ]
        return "\n".join(["", f"| {run} | |", "|---|---|", *rows, "", ""])

    def write(self, page: Path = PAGE) -> None:
        """Replace the table in the page. Raises ValueError when the page has no place for it."""
        cores, machine, version = os.cpu_count(), platform.machine(), platform.python_version()
        run = f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores, {machine}, Python {version}"
        text, places = PART.subn(
            lambda part: part[1] + self.table(run) + part[2], page.read_text(encoding="utf-8")
        )
        if places != 1:
            raise ValueError(f"{page.name} has {places} places for the measured table")
        page.write_text(text, encoding="utf-8")
