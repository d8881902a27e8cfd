"""Play one schedule: everything that happens in it follows from its seed."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.simulation.judge import judge
from tests.simulation.simulated_loop import NoEndError, make_loop
from tests.simulation.stage import replaced, unheard
from tests.simulation.whole_world import WholeWorld
from tests.simulation.world import World

STEP_LIMIT = 60_000
"""An ordinary schedule takes about a thousand."""
WHOLE_STEP_LIMIT = 100_000


@dataclass
class Verdict:
    """What came of one schedule."""

    seed: int
    violations: list[str]
    steps: int
    struck: Counter[str]
    """How often each fault came."""
    endings: Counter[str]
    """How many orders ended in each state."""
    trace: list[str] = field(default_factory=list)


def play(seed: int, *, traced: bool = False, whole: bool = False) -> Verdict:
    """Play one schedule to its end and judge what it leaves behind.

    `whole` plays it with the real relay, consumer and deadline worker, which takes longer.
    """
    loop = make_loop(step_limit=WHOLE_STEP_LIMIT if whole else STEP_LIMIT)
    with replaced(unheard(seed)), loop, ExitStack() as stack:
        world = WholeWorld(loop, seed, traced=traced) if whole else World(loop, seed, traced=traced)
        if isinstance(world, WholeWorld):
            stack.enter_context(replaced(world.replacements()))
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
            struck=world.chance.struck,
            endings=Counter(order.status.value for order in world.vehicle_store.state.orders.values()),
            trace=list(world.chance.trace or []),
        )
        if whole:
            world.chance.faults.stop()
            loop.unwind()
        return verdict
