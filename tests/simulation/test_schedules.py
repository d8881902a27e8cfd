"""Every promise is kept under every fault at once; and each mistake on purpose is noticed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.simulation.__main__ import MISTAKES
from tests.simulation.chance import RATES
from tests.simulation.mutations import Mutation
from tests.simulation.play import Scope, play

ROOT = Path(__file__).parents[2]
SCHEDULES = {Scope.MESSAGES: 100, Scope.SAGA: 200, Scope.WHOLE: 40}
CATCH_WITHIN = 500
"""Schedules in which each mistake must show; most do within ten."""


@pytest.mark.parametrize("scope", Scope)
def test_every_promise_is_kept_when_everything_goes_wrong(scope: Scope) -> None:
    struck: Counter[str] = Counter()
    endings: Counter[str] = Counter()
    for seed in range(SCHEDULES[scope]):
        verdict = play(seed, scope)
        flag = "" if scope is Scope.SAGA else f" --{scope}"
        assert verdict.violations == [], f"python -m tests.simulation{flag} --replay {seed}"
        struck += verdict.struck
        endings += verdict.endings
    if scope is Scope.SAGA:
        # Enough of everything happened for the verdicts to mean something.
        in_whole_ones_only = {"poison"}
        assert struck.keys() >= RATES.keys() - in_whole_ones_only
        assert struck.keys() >= {"refunded_unasked", "charged_back_unasked"}
        assert endings.keys() >= {"sold", "cancelled", "refunded"}
    assert struck["crash"] > SCHEDULES[scope] / 4


@pytest.mark.parametrize(
    ("scope", "mutation"),
    [
        pytest.param(scope, mutation, id=f"{scope}-{name}")
        for scope, mistakes in MISTAKES.items()
        for name, mutation in mistakes.items()
    ],
)
def test_a_mistake_is_noticed_when_it_is_made_on_purpose(scope: Scope, mutation: Mutation) -> None:
    with mutation():
        assert any(play(seed, scope).violations for seed in range(CATCH_WITHIN))


@pytest.mark.parametrize("scope", Scope)
def test_a_schedule_repeats_itself_when_its_seed_is_played_again(scope: Scope) -> None:
    seed = next(seed for seed in range(100) if play(seed, scope).struck["crash"] > 2)
    told = "\n".join(play(seed, scope, traced=True).trace)
    digests = {_digest(seed, hash_seed, scope) for hash_seed in ("1", "2")}
    assert digests == {hashlib.sha256(told.encode()).hexdigest()}


def _digest(seed: int, hash_seed: str, scope: Scope) -> str:
    """Play a schedule in another process, whose sets have another order."""
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.simulation",
            "--replay",
            str(seed),
            *([] if scope is Scope.SAGA else [f"--{scope}"]),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    trace = told.stdout.splitlines()[:-1]
    return hashlib.sha256("\n".join(trace).encode()).hexdigest()
