"""The capacity plan reckons with what was measured last."""

from __future__ import annotations

import importlib.util
import json
import re
from types import ModuleType

from tests.deployment.places import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
RESULTS = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))


def load(name: str) -> ModuleType:
    """Return a module of the benchmarks, which are no package of the product."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "bench" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_is_of_the_stored_results_when_read() -> None:
    written = load("process_table")
    assert {name for _, name in written.ROWS} <= RESULTS.keys()
    (found,) = written.PART.finditer(PAGE)
    assert found[0] == found[1] + written.process_table(RESULTS) + found[2]


def test_page_has_one_place_for_what_a_purchase_costs() -> None:
    written = load("cost_sheet")
    assert len(written.PART.findall(PAGE)) == 1
    sheet = written.CostSheet()
    sheet.lines = [("purchases", "4 of 4"), ("  CPU of a", "1 ms")]
    table = sheet.table("a run")
    assert table == "\n| a run | |\n|---|---|\n| purchases | 4 of 4 |\n| … CPU of a | 1 ms |\n\n"


def test_plans_are_of_the_units_that_a_purchase_was_measured_to_write() -> None:
    """A plan's write units are its purchases a second times a purchase's, as the same page tells them."""
    (units,) = re.findall(r"DynamoDB, written \| \*\*(\d+) units\*\*", PAGE)
    (planned,) = re.findall(r"DynamoDB write units a second \| (.*) \|", PAGE)
    assert [int(each.replace(",", "")) for each in planned.split(" | ")] == [
        rate * int(units) for rate in (10, 100, 1_000)
    ]
