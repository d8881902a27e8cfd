"""A short fault run; `make chaos SECONDS=… SEED=…` runs longer ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chaos.plan_faults import ENGINES, WORKERS, Act, plan_faults
from tests.chaos.run_chaos import run_chaos

SEED = 20
SECONDS = 15.0


@pytest.mark.real
@pytest.mark.timeout(300)
async def test_every_event_takes_effect_once_and_in_order_when_processes_are_killed_and_frozen(
    tmp_path: Path,
) -> None:
    report = await run_chaos(seconds=SECONDS, seed=SEED, logs=tmp_path)
    assert report.verdict.clean, str(report)
    assert report.verdict.events > 200
    assert report.faults > 3


def test_plan_is_the_same_when_the_seed_is_the_same() -> None:
    assert plan_faults(7, 60) == plan_faults(7, 60)
    assert plan_faults(7, 60) != plan_faults(8, 60)
    assert plan_faults(7, 60)[:10] == plan_faults(7, 30)[:10]


def test_plan_hits_everything_in_every_way_when_it_is_long() -> None:
    plan = plan_faults(1, 600)
    assert {(fault.victim, fault.act) for fault in plan} == {
        (victim, act) for victim in (*WORKERS, *ENGINES) for act in Act
    }
