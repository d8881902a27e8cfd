"""Play schedules and judge each: `python -m tests.simulation --schedules 10000 [--whole | --messages]`.

Without a word more it plays purchases through both services' handlers, with simple workers that keep
messaging's promises. `--whole` puts the real relay, consumer, parking and deadline worker between them;
`--messages` plays those alone. `--replay SEED` plays one again and prints what happened; `--mutation NAME`
makes a mistake on purpose.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import repeat

from tests.simulation.mutations import MUTATIONS
from tests.simulation.play import Scope, Verdict, play
from tests.simulation.whole_mutations import MESSAGES_MUTATIONS, WHOLE_MUTATIONS

MISTAKES = {Scope.SAGA: MUTATIONS, Scope.WHOLE: WHOLE_MUTATIONS, Scope.MESSAGES: MESSAGES_MUTATIONS}
CHUNK = 100
SHOWN = 5
COLLECT_AFTER = 100_000
"""Objects made before garbage is looked for: nearly all die with their schedule."""


@dataclass
class Tally:
    """What came of many schedules."""

    schedules: int = 0
    steps: int = 0
    processor_seconds: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    failures: list[Verdict] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        self.schedules += other.schedules
        self.steps += other.steps
        self.processor_seconds += other.processor_seconds
        self.struck += other.struck
        self.endings += other.endings
        self.failures += other.failures

    def count(self, verdict: Verdict) -> None:
        """Count one schedule in."""
        self.schedules += 1
        self.steps += verdict.steps
        self.struck.update(verdict.struck)
        self.endings.update(verdict.endings)
        if verdict.violations:
            self.failures.append(verdict)


@dataclass(frozen=True)
class Way:
    """How schedules are played."""

    scope: Scope
    mutation: str | None

    def making_the_mistake(self) -> AbstractContextManager[object]:
        """Make the mistake for the length of a block, if there is one."""
        if self.mutation is None:
            return contextlib.nullcontext()
        return MISTAKES[self.scope][self.mutation]()

    def arguments(self) -> str:
        """Return what makes another run play the same way."""
        scope = "" if self.scope is Scope.SAGA else f" --{self.scope}"
        return scope + (f" --mutation {self.mutation}" if self.mutation else "")


def main() -> int:
    """Return 0 when every invariant held in every schedule."""
    _hash_alike()
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=2_000, help="how many to play")
    parser.add_argument("--seed", type=int, default=None, help="the first seed; drawn when not given")
    parser.add_argument("--replay", type=int, default=None, help="play this seed only, and tell what happens")
    scopes = parser.add_mutually_exclusive_group()
    for scope, what in ((Scope.WHOLE, "purchases over real messaging"), (Scope.MESSAGES, "messaging alone")):
        scopes.add_argument(f"--{scope}", dest="scope", action="store_const", const=scope, help=what)
    names = sorted({name for mistakes in MISTAKES.values() for name in mistakes})
    parser.add_argument("--mutation", choices=names, default=None)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args()
    way = Way(wanted.scope or Scope.SAGA, wanted.mutation)
    if wanted.replay is not None:
        return _replay(wanted.replay, way)
    first = int(time.time()) * 1_000 if wanted.seed is None else wanted.seed
    return _play_many(first, wanted.schedules, way, wanted.processes)


def _hash_alike() -> None:
    """Begin again with one order of every set of strings, so that a seed means the same in each run."""
    if "PYTHONHASHSEED" not in os.environ:
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])


def _replay(seed: int, way: Way) -> int:
    with way.making_the_mistake():
        verdict = play(seed, way.scope, traced=True)
    _say("\n".join(verdict.trace))
    _say(f"seed {seed}: {'; '.join(verdict.violations) or 'every invariant held'}")
    return 1 if verdict.violations else 0


def _play_many(first: int, schedules: int, way: Way, processes: int) -> int:
    begun = time.perf_counter()
    chunks = range(first, first + schedules, CHUNK)
    ends = [min(start + CHUNK, first + schedules) for start in chunks]
    tally = Tally()
    is_terminal = sys.stderr.isatty()
    with ProcessPoolExecutor(processes, initializer=_settle_in) as pool:
        for part in pool.map(_play_chunk, chunks, ends, repeat(way)):
            tally.add(part)
            if is_terminal:
                sys.stderr.write(f"\r{tally.schedules:,} of {schedules:,}")
    if is_terminal:
        sys.stderr.write("\r")
    return _report(tally, first, way, time.perf_counter() - begun)


def _report(tally: Tally, first: int, way: Way, seconds: float) -> int:
    _say(
        f"{tally.schedules:,} schedules of scope '{way.scope}' from seed {first}"
        f" in {seconds:,.1f} s: {tally.schedules / seconds:,.0f} a second,"
        f" {tally.schedules / tally.processor_seconds:,.0f} in a second of one processor;"
        f" {tally.steps / tally.schedules:,.0f} steps each"
    )
    _say(f"faults: {_listed(tally.struck)}")
    _say(f"ends: {_listed(tally.endings)}")
    for verdict in tally.failures[:SHOWN]:
        _say(f"seed {verdict.seed}: {'; '.join(verdict.violations)}")
        _say(f"  again: python -m tests.simulation --replay {verdict.seed}{way.arguments()}")
    _say(
        f"{len(tally.failures):,} schedules broke an invariant" if tally.failures else "every invariant held"
    )
    return 1 if tally.failures else 0


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(counted.items()))


def _settle_in() -> None:
    """Leave what was imported out of every search for garbage."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _play_chunk(start: int, end: int, way: Way) -> Tally:
    tally = Tally()
    begun = time.process_time()
    with way.making_the_mistake():
        for seed in range(start, end):
            tally.count(play(seed, way.scope))
    tally.processor_seconds = time.process_time() - begun
    return tally


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
