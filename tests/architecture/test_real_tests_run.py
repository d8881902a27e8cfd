"""What only real engines can prove is proven by `make test`, and not only by whoever remembers to ask."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARK = "pytest.mark." + "real"
REAL_TESTS = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if MARK in path.read_text("utf-8"))


@pytest.fixture(scope="module")
def folders() -> list[Path]:
    """Return what the parts of `make test` give to pytest on real engines."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    recipes = subprocess.run(
        ["make", "--dry-run", "test"], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True
    ).stdout
    runs = re.findall(r"ENGINES=real \S+pytest ([^;]+);", recipes)
    return [ROOT / word for run in runs for word in run.split() if word.startswith("tests")]


@pytest.mark.parametrize("path", REAL_TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_test_for_real_engines_belongs_to_a_part_of_make_test(path: Path, folders: list[Path]) -> None:
    assert any(path.is_relative_to(folder) for folder in folders)


def test_there_are_tests_for_real_engines_to_look_at() -> None:
    assert REAL_TESTS
