"""What goes wrong, and when: all of it drawn from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.simulation.simulated_loop import PROCESS, Process, SimulatedLoop


@dataclass(kw_only=True)
class Faults:
    """How often each thing goes wrong, as a share of the occasions."""

    crash: float = 0.0
    """A process dies at an await."""
    store_error: float = 0.0
    """A database call fails, before or after its effect."""
    provider_error: float = 0.0
    """A call to the provider gets no answer, before or after its effect."""
    send_error: float = 0.0
    """A record is sent and its acknowledgement is lost, or it never arrives."""
    duplicate: float = 0.0
    """Something is delivered, or asked for, once more."""
    lost_webhook: float = 0.0
    slow: float = 0.0
    """An answer takes seconds instead of milliseconds."""
    rebalance: float = 0.0
    """A partition gets a new owner while the old one is still busy."""
    refund_trouble: float = 0.0
    """A refund is refused, rejected or slow."""
    wrong_amount: float = 0.0
    poison: float = 0.0
    """An event cannot be handled, and others can."""

    def stop(self) -> None:
        """End every fault."""
        for name in self.__dataclass_fields__:
            setattr(self, name, 0.0)


RATES: dict[str, tuple[float, ...]] = {
    "crash": (0.0, 0.01, 0.03, 0.1),
    "store_error": (0.0, 0.02, 0.1),
    "provider_error": (0.0, 0.05, 0.25),
    "send_error": (0.0, 0.05, 0.2),
    "duplicate": (0.0, 0.1, 0.4),
    "lost_webhook": (0.0, 0.2, 1.0),
    "slow": (0.0, 0.05, 0.2),
    "rebalance": (0.0, 0.05, 0.2),
    "refund_trouble": (0.0, 0.0, 0.3),
    "wrong_amount": (0.0, 0.0, 0.2),
    "poison": (0.0, 0.1, 0.3),
}
"""Each schedule draws its own mixture: a fault that is absent lets others show."""


@dataclass
class Chance:
    """The one source of chance, and the awaits at which it strikes."""

    seed: int
    loop: SimulatedLoop
    draw: random.Random = field(init=False)
    faults: Faults = field(init=False)
    trace: list[str] | None = None
    """What happened, for a person who replays a seed."""
    struck: Counter[str] = field(default_factory=Counter)
    """How often each fault came."""

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.faults = Faults(**{name: self.draw.choice(rates) for name, rates in RATES.items()})

    def strikes(self, rate: float) -> bool:
        """Tell whether it happens this time."""
        return rate > 0.0 and self.draw.random() < rate

    def befalls(self, fault: str) -> bool:
        """Tell whether a fault of `Faults` comes this time, and count it."""
        comes = self.strikes(getattr(self.faults, fault))
        if comes:
            self.struck[fault] += 1
        return comes

    def pause(self) -> Awaitable[None]:
        """Wait for something outside: mostly not at all or a moment, sometimes seconds, and maybe to die."""
        faults, random = self.faults, self.draw.random
        if faults.crash and random() < faults.crash:
            process = PROCESS.get()
            if process is not None:
                return self._die(process)
        dice = random()
        if dice < 0.4:
            return self.loop.slept
        if faults.slow and self.befalls("slow"):
            dice *= 20
        return self.loop.sleep(dice * 0.05)

    def reach(self, error: type[Exception]) -> Awaitable[None]:
        """Go to a store and back: may take its time, may be the end, may fail."""
        pause = self.pause()
        return self._arrive(pause, error) if self.faults.store_error else pause

    async def _arrive(self, pause: Awaitable[None], error: type[Exception]) -> None:
        await pause
        if self.befalls("store_error"):
            self.note("store error")
            raise error

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something in the world, whatever becomes of the process that is running now."""
        token = PROCESS.set(None)
        try:
            self.loop.call_later(max(0.0, seconds), act)
        finally:
            PROCESS.reset(token)

    async def _die(self, process: Process) -> None:
        self.note("dies")
        self.struck["crash"] += 1
        process.die()
        await self.loop.create_future()

    def note(self, what: str) -> None:
        """Write down what happens, if anybody wants to know."""
        if self.trace is not None:
            process = PROCESS.get()
            self.trace.append(f"{self.loop.time():12.3f} {process.name if process else 'world':14} {what}")
