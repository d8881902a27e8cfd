"""Play one schedule: everything that happens in it follows from its seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum

from tests.simulation.messages_world import MessagesWorld
from tests.simulation.simulated_loop import NoEndError, make_loop
from tests.simulation.stage import replaced, unheard
from tests.simulation.whole_world import WholeWorld
from tests.simulation.world import World

STEP_LIMIT = 10_000
"""An ordinary schedule takes a few hundred, a whole one a thousand; the longest take three thousand."""


class Scope(StrEnum):
    """What of the product a schedule plays."""

    MESSAGES = "messages"
    """The real relay, consumer, parking and replays, with handlers that only note what they get."""
    SAGA = "saga"
    """Purchases: both services' handlers, with simple workers that keep messaging's promises."""
    WHOLE = "whole"
    """Purchases with the real workers between the services."""


WORLDS: dict[Scope, Callable[..., World | MessagesWorld]] = {
    Scope.MESSAGES: MessagesWorld,
    Scope.SAGA: World,
    Scope.WHOLE: WholeWorld,
}


@dataclass
class Verdict:
    """What came of one schedule."""

    seed: int
    violations: list[str]
    steps: int
    struck: Counter[str]
    """How often each fault came."""
    endings: Counter[str]
    """How many orders ended in each state, or how many events took effect."""
    trace: list[str] = field(default_factory=list)


def play(seed: int, scope: Scope = Scope.SAGA, *, traced: bool = False) -> Verdict:
    """Play one schedule to its end and judge what it leaves behind."""
    loop = make_loop(step_limit=STEP_LIMIT)
    with replaced(unheard(seed)), loop, ExitStack() as stack:
        world = WORLDS[scope](loop, seed, traced=traced)
        stack.enter_context(replaced(world.replacements()))
        world.begin()
        found: list[str] = []
        try:
            loop.run()
        except NoEndError as error:
            found.append(f"4 everything came to an end: {error}")
        found += world.judge()
        verdict = Verdict(
            seed=seed,
            violations=found,
            steps=loop.steps,
            struck=world.chance.struck,
            endings=world.endings(),
            trace=list(world.chance.trace or []),
        )
        # What tasks do while they are closed belongs to no verdict.
        world.chance.faults.stop()
        return verdict
