"""Whole purchases under every fault at once keep the invariants; and each mistake on purpose is noticed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.simulation.chance import RATES
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.play import play
from tests.simulation.whole_mutations import WHOLE_MUTATIONS

ROOT = Path(__file__).parents[2]
SCHEDULES = 40
WHOLE_SCHEDULES = 10
CATCH_WITHIN = 500


@pytest.mark.parametrize("first", range(0, 5 * SCHEDULES, SCHEDULES))
def test_every_invariant_holds_when_everything_goes_wrong(first: int) -> None:
    for seed in range(first, first + SCHEDULES):
        assert play(seed).violations == [], f"python -m tests.simulation --replay {seed}"


@pytest.mark.parametrize("first", range(0, 4 * WHOLE_SCHEDULES, WHOLE_SCHEDULES))
def test_every_invariant_holds_when_the_real_relay_and_consumer_run(first: int) -> None:
    for seed in range(first, first + WHOLE_SCHEDULES):
        assert play(seed, whole=True).violations == [], f"python -m tests.simulation --whole --replay {seed}"


def test_purchases_end_in_every_way_when_every_kind_of_fault_comes() -> None:
    verdicts = [play(seed) for seed in range(200)]
    endings = sum((verdict.endings for verdict in verdicts), Counter[str]())
    assert endings.keys() >= {"sold", "cancelled", "refunded"}
    struck = sum((verdict.struck for verdict in verdicts), Counter[str]())
    in_whole_ones_only = {"poison"}
    assert struck.keys() >= RATES.keys() - in_whole_ones_only
    assert struck.keys() >= {"refunded_unasked", "charged_back_unasked"}
    assert struck["crash"] > len(verdicts)
    assert any(verdict.struck["crash"] == 0 for verdict in verdicts)


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_mistake_is_noticed_when_it_is_made_on_purpose(mutation: Mutation) -> None:
    with mutation():
        assert any(play(seed).violations for seed in range(CATCH_WITHIN))


@pytest.mark.parametrize("mutation", WHOLE_MUTATIONS.values(), ids=WHOLE_MUTATIONS.keys())
def test_a_mistake_in_messaging_is_noticed_when_it_is_made_on_purpose(mutation: Mutation) -> None:
    with mutation():
        assert any(play(seed, whole=True).violations for seed in range(CATCH_WITHIN))


@pytest.mark.parametrize("whole", [False, True], ids=["plain", "whole"])
def test_a_schedule_repeats_itself_when_its_seed_is_played_again(*, whole: bool) -> None:
    seed = next(seed for seed in range(100) if play(seed, whole=whole).struck["crash"] > 3)
    told = "\n".join(play(seed, traced=True, whole=whole).trace)
    digests = {_digest(seed, hash_seed, whole=whole) for hash_seed in ("1", "2")}
    assert digests == {hashlib.sha256(told.encode()).hexdigest()}


def _digest(seed: int, hash_seed: str, *, whole: bool) -> str:
    """Play a schedule in another process, whose sets have another order."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--replay", str(seed), *(["--whole"] if whole else [])],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    trace = told.stdout.splitlines()[:-1]
    return hashlib.sha256("\n".join(trace).encode()).hexdigest()
