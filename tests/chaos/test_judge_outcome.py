"""The verdict must be able to be bad: each thing that may go wrong, made up."""

from __future__ import annotations

import pytest
from tests.chaos.judge_outcome import Outcome, judge

COMMITTED = {"a": ["a1", "a2", "a3"], "b": ["b1"]}


def test_verdict_is_clean_when_all_took_effect_once_and_in_order() -> None:
    verdict = judge(Outcome(committed=COMMITTED, effects=COMMITTED))
    assert verdict.clean
    assert verdict.events == 4


@pytest.mark.parametrize(
    ("effects", "complaint"),
    [
        (["a1", "a2", "a3", "a3"], "twice"),
        (["a2", "a1", "a3"], "out of order"),
        (["a2", "a1", "a3"], "… 2, 1, 3 … of 3"),
        (["a1", "a3"], "past a gap"),
        (["a1", "a2", "a3", "rolled-back"], "rolled back"),
        (["a1", "rolled-back", "a2", "a3"], "rolled back"),
    ],
)
def test_verdict_names_the_wrong_when_an_effect_should_not_be(effects: list[str], complaint: str) -> None:
    verdict = judge(Outcome(committed=COMMITTED, effects=COMMITTED | {"a": effects}))
    assert not verdict.clean
    assert any(complaint in wrong for wrong in verdict.wrongs)


def test_verdict_counts_what_is_missing_when_events_did_not_arrive() -> None:
    verdict = judge(Outcome(committed=COMMITTED, effects={"a": ["a1"]}))
    assert not verdict.clean
    assert verdict.missing == 3
    assert verdict.wrongs == []
