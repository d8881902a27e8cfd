"""An alert tells whom it concerns, what happened, and where to read what to do."""

from __future__ import annotations

import re

import pytest
from tests.monitoring.rule_files import ALERTS, ROOT, Rule, result_labels

RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What it means", "How to look", "What to do", "When to call somebody"]


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_alert_says_what_a_person_needs_when_it_fires(alert: Rule) -> None:
    assert alert.body["labels"]["severity"] in {"critical", "warning"}
    assert alert.body["labels"]["service"] == alert.service
    annotations = alert.body["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    told = set(re.findall(r"\$labels\.(\w+)", annotations["summary"] + annotations["description"]))
    assert told <= result_labels(alert.expr), "a label that the expression does not keep is empty"


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_runbook_names_the_alert_when_opened(alert: Rule) -> None:
    page = ROOT / alert.body["annotations"]["runbook_url"]
    assert page.parent == RUNBOOKS
    assert f"`{alert.name}`" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_runbook_has_an_alert_and_every_section_when_read(page: object) -> None:
    assert hasattr(page, "read_text")
    assert hasattr(page, "name")
    text = page.read_text(encoding="utf-8")
    if page.name == "README.md":
        listed = set(re.findall(r"\(([a-z-]+\.md)\)", text))
        assert listed == {other.name for other in RUNBOOKS.glob("*.md")} - {"README.md"}
        return
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == SECTIONS
    known = {alert.name for alert in ALERTS if alert.body["annotations"]["runbook_url"].endswith(page.name)}
    assert known, "no alert leads here"


def test_alerts_of_one_chart_have_names_of_their_own() -> None:
    names = [(alert.service, alert.name) for alert in ALERTS]
    assert len(names) == len(set(names))
