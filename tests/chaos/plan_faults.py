"""The faults of a run, drawn from its seed: what is hit, how, when, and for how long."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

WORKERS = tuple(
    f"{kind}-{number}"
    for kind in ("relay", "dynamodb-relay", "consumer", "dynamodb-consumer")
    for number in (1, 2)
)
ENGINES = ("kafka", "postgres", "dynamodb")


class Act(Enum):
    """What is done to a process."""

    KILL = "SIGKILL"
    """DynamoDB Local is asked to end instead; see `crash_engines`."""
    FREEZE = "SIGSTOP … SIGCONT"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One blow."""

    at_seconds: float
    victim: str
    act: Act
    away_seconds: float
    """How long the victim stands still, or stays dead before it is started again."""


def plan_faults(seed: int, seconds: float) -> list[Fault]:
    """Draw faults for so long. The same seed gives the same plan, and a longer run begins alike."""
    chance = random.Random(seed)
    faults: list[Fault] = []
    at_seconds = 1.0
    while at_seconds < seconds:
        # Workers are hit more often than engines, each of which takes seconds to come back.
        victim = chance.choice(WORKERS if chance.random() < 0.75 else ENGINES)
        act = chance.choice(list(Act))
        # Longer than a session or a lease for some, so that others take over from one that then wakes up.
        away_seconds = chance.choice([0.05, 0.5, 2.0, 5.0]) * chance.uniform(0.5, 1.5)
        faults.append(Fault(at_seconds=at_seconds, victim=victim, act=act, away_seconds=away_seconds))
        at_seconds += chance.uniform(0.2, 2.0)
    return faults
