"""Play one schedule: everything that happens in it follows from its seed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from tests.simulation.judge import judge
from tests.simulation.simulated_loop import NoEndError, make_loop
from tests.simulation.world import Parts, World

STEP_LIMIT = 60_000
"""An ordinary schedule takes about a thousand."""


@dataclass
class Verdict:
    """What came of one schedule."""

    seed: int
    violations: list[str]
    steps: int
    deaths: int
    endings: Counter[str]
    """How many orders ended in each state."""
    trace: list[str] = field(default_factory=list)


def play(seed: int, *, traced: bool = False, parts: Parts | None = None) -> Verdict:
    """Play one schedule to its end and judge what it leaves behind."""
    loop = make_loop(step_limit=STEP_LIMIT)
    with _quiet_logs(), loop:
        world = World(loop, seed, traced=traced, parts=parts or Parts())
        world.begin()
        found: list[str] = []
        try:
            loop.run()
        except NoEndError as error:
            found.append(f"4 everything came to an end: {error}")
        found += judge(world)
        return Verdict(
            seed=seed,
            violations=found,
            steps=loop.steps,
            deaths=world.chance.deaths,
            endings=Counter(order.status.value for order in world.vehicle_store.state.orders.values()),
            trace=world.chance.trace or [],
        )


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Write no logs: a schedule has thousands of failures, and each is meant."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
