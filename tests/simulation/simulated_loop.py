"""An event loop in which time is a number, and processes that can die at any await.

The code under simulation is ordinary asyncio code: tasks, locks, time-outs and sleeps all work, only
nothing waits for real. Given the same seed everything happens in the same order again.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, Self, TypeVar

from tests.simulation.stage import replaced, running

Result = TypeVar("Result")


class Process:
    """What dies together: its tasks never run again, and its open transactions are rolled back."""

    def __init__(self, name: str, clock_error_seconds: float = 0.0) -> None:
        self.name = name
        self.clock_error_seconds = clock_error_seconds
        """By how much its machine's clock is fast; negative when it is slow."""
        self.is_dead = False
        self.transactions: dict[object, Callable[[], None]] = {}
        """By transaction, how the database ends it when the connection is gone."""

    def die(self) -> None:
        """Kill it as SIGKILL does: no `finally` runs, nobody is told."""
        self.is_dead = True
        for roll_back in list(self.transactions.values()):
            roll_back()
        self.transactions.clear()

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run something in this process; what that starts belongs to the process too."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
"""The process of the current task; None for the world around the processes."""


CLOSE_ROUNDS = 20


class NoEndError(AssertionError):
    """The simulation went on and on: something is tried for ever."""


class _NumberedTask(asyncio.Task[Result]):
    """A task that hashes by its number: sets of tasks are walked in an order that does not change.

    By its address, as tasks hash, whom `asyncio.wait` wakes first would differ from run to run.
    """

    number = 0

    def __hash__(self) -> int:
        return self.number


class _Handle:
    """Something to call, soon or at a time."""

    __slots__ = ("args", "callback", "context", "is_cancelled", "when_due")

    def __init__(self, callback: Any, args: tuple[Any, ...], context: Context, when_due: float) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.when_due = when_due
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.when_due


class Sleep(_Handle):
    """What a task awaits to sleep: as much of a future as a task asks for, and its own timer.

    A future that a timer ends takes two turns of the loop and three objects; most turns are sleeps.
    """

    __slots__ = ("_asyncio_future_blocking", "_loop")

    def __init__(self, loop: SimulatedLoop, when_due: float) -> None:
        self._loop = loop
        self._asyncio_future_blocking = False
        self.when_due = when_due
        self.is_cancelled = False

    def __await__(self) -> Generator[Self, None, None]:
        self._asyncio_future_blocking = True
        yield self

    def add_done_callback(self, wake_up: Callable[[Self], None], *, context: Context) -> None:
        """Set the timer; a task calls this when it begins to wait."""
        self.callback = wake_up
        self.args = (self,)
        self.context = context
        self._loop.set_timer(self)

    def cancel(self, msg: object = None) -> bool:  # type: ignore[override]  # noqa: ARG002  # as a future's
        """Wake the task with a cancellation."""
        if self.is_cancelled:
            return False
        self.is_cancelled = True
        self._loop.call_soon(self.callback, self, context=self.context)
        return True

    def result(self) -> None:
        """Return nothing, or raise the cancellation."""
        if self.is_cancelled:
            raise asyncio.CancelledError


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs what is ready in the order it became so; when nothing is, time jumps to the next timer.

    Handles of dead processes are dropped, so their tasks stop where they are.
    """

    def __init__(self, *, step_limit: int) -> None:
        self._is_ended = False
        self._dropped: list[_Handle] = []
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._count = 0
        self._created = 0
        self._now = 0.0
        self._step_limit = step_limit
        self._tasks: list[tuple[asyncio.Task[Any], Context]] = []
        self.steps = 0
        self.slept = self.create_future()
        """What to await that is over already."""
        self.slept.set_result(None)

    def run(self) -> None:
        """Run until nothing is left to do; raises NoEndError at the limit of steps."""
        ready, timers = self._ready, self._timers
        take_ready, take_timer = ready.popleft, heapq.heappop
        while not self._is_ended:
            if ready:
                handle = take_ready()
                if handle.is_cancelled:
                    continue
            elif timers:
                handle = take_timer(timers)[2]
                if handle.is_cancelled:
                    continue
                if handle.when_due > self._now:  # noqa: PLR1730  # a call takes longer
                    self._now = handle.when_due
            else:
                return
            self.steps += 1
            context = handle.context
            process = context.get(PROCESS)
            if process is not None and process.is_dead:
                self._dropped.append(handle)
                continue
            context.run(handle.callback, *handle.args)
            if self.steps > self._step_limit:
                raise NoEndError(f"no end after {self.steps} steps and {self._now:.0f} s")

    def end(self) -> None:
        """Stop after this step, whatever else there is to do."""
        self._is_ended = True

    def close_down(self) -> None:
        """End every task there ever was, so that none is left to the garbage collector."""
        self._is_ended = True
        for task, context in self._tasks:
            if not task.done():
                context.run(_close, task.get_coro())
                task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._tasks.clear()
        self._dropped.clear()
        self._timers.clear()
        self._ready.clear()

    def __enter__(self) -> Self:
        events._set_running_loop(self)
        self._found_running = replaced(running(self))
        self._found_running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.close_down()
        finally:
            self._found_running.__exit__(None, None, None)
            events._set_running_loop(None)

    def set_timer(self, handle: _Handle) -> None:
        """Call a handle when it is due."""
        self._count += 1
        heapq.heappush(self._timers, (handle.when_due, self._count, handle))

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what the running task awaits at once to sleep.

        When nobody else has anything to do meanwhile, time jumps here and the task just goes on: the same
        happens in the same order, without a timer and a turn of the loop.
        """
        when_due = self._now + seconds
        if self._ready or self._is_ended or self.steps >= self._step_limit:
            return Sleep(self, when_due)
        timers = self._timers
        while timers and timers[0][2].is_cancelled:
            heapq.heappop(timers)
        if timers and timers[0][0] <= when_due:
            return Sleep(self, when_due)
        self.steps += 1
        self._now = when_due
        return self.slept

    def time(self) -> float:
        return self._now

    get_debug = staticmethod(bool)

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]  # its own kind of handle
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> _Handle:
        handle = _Handle(callback, args, context or copy_context(), self._now)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]  # its own kind of handle
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> _Handle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # its own kind of handle
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> _Handle:
        handle = _Handle(callback, args, context or copy_context(), when)
        self.set_timer(handle)
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Result] | Coroutine[Any, Any, Result],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Result]:
        own = context or copy_context()
        self._created += 1
        task: _NumberedTask[Result] = _NumberedTask(coro, loop=self, name=name or "", context=own)
        task.number = self._created
        self._tasks.append((task, own))
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Ignore it: failures are judged by what they leave in the stores."""


def _close(work: Generator[Any, Any, object] | Coroutine[Any, Any, object]) -> None:
    """Close a coroutine, also one that waits for something in its `finally`."""
    for _ in range(CLOSE_ROUNDS):
        try:
            work.close()
        except RuntimeError:
            continue
        return


def make_loop(*, step_limit: int) -> SimulatedLoop:
    """Make a loop; what it does not need of a loop, such as sockets, it does not have."""
    return SimulatedLoop(step_limit=step_limit)  # type: ignore[abstract]
