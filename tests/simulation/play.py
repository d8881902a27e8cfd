"""Play one schedule: everything that happens in it follows from its seed."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import structlog
from tests.simulation.judge import judge
from tests.simulation.simulated_loop import NoEndError, make_loop
from tests.simulation.whole_world import WholeWorld
from tests.simulation.world import World

from autodeal_messaging import consumer_membership, relay

STEP_LIMIT = 60_000
"""An ordinary schedule takes about a thousand."""
WHOLE_STEP_LIMIT = 100_000


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


def play(seed: int, *, traced: bool = False, whole: bool = False) -> Verdict:
    """Play one schedule to its end and judge what it leaves behind.

    `whole` plays it with the real relay, consumer and deadline worker, which takes longer.
    """
    loop = make_loop(step_limit=WHOLE_STEP_LIMIT if whole else STEP_LIMIT)
    with _quiet_logs(), _own_chance(seed), ExitStack() as stack, loop:
        world = WholeWorld(loop, seed, traced=traced) if whole else World(loop, seed, traced=traced)
        if isinstance(world, WholeWorld):
            stack.enter_context(patch.object(relay, "make_producer", world.kafka.make_producer))
            stack.enter_context(patch.object(consumer_membership, "make_consumer", world.kafka.make_consumer))
        world.begin()
        found: list[str] = []
        try:
            loop.run()
        except NoEndError as error:
            found.append(f"4 everything came to an end: {error}")
        found += judge(world)
        verdict = Verdict(
            seed=seed,
            violations=found,
            steps=loop.steps,
            deaths=world.chance.deaths,
            endings=Counter(order.status.value for order in world.vehicle_store.state.orders.values()),
            trace=list(world.chance.trace or []),
        )
        if whole:
            world.chance.faults.stop()
            loop.unwind()
        return verdict


@contextmanager
def _own_chance(seed: int) -> Iterator[None]:
    """Seed the chance that the libraries draw their back-offs from."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Write no logs: a schedule has thousands of failures, and each is meant."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
