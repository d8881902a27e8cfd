"""What a schedule is played on: questions that ordinary code asks of its surroundings, answered cheaply.

None of it changes what the code under simulation does. Which loop runs is asked at every turn, and
Python asks the kernel for the process's id each time before it answers, which takes longer than the turn;
nobody reads the logs, the metrics and the traces of a schedule, and nobody lists its tasks.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import sys
from asyncio import events, tasks
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import prometheus_client
import structlog._config
from prometheus_client.metrics import MetricWrapperBase

if TYPE_CHECKING:
    from tests.simulation.simulated_loop import SimulatedLoop

Replacement = tuple[Any, str, Any]
"""Whose attribute, its name, and what it is meanwhile."""


@contextmanager
def replaced(replacements: list[Replacement]) -> Iterator[None]:
    """Replace attributes for the length of a block."""
    own = [(owner, name, vars(owner)[name]) for owner, name, _ in replacements if name in vars(owner)]
    inherited = [(owner, name) for owner, name, _ in replacements if name not in vars(owner)]
    for owner, name, meanwhile in replacements:
        setattr(owner, name, meanwhile)
    try:
        yield
    finally:
        for owner, name, before in own:
            setattr(owner, name, before)
        for owner, name in inherited:
            delattr(owner, name)


def running(loop: SimulatedLoop) -> list[Replacement]:
    """Return what tells ordinary code that this loop runs."""

    def find_loop(*_: object, **__: object) -> SimulatedLoop:
        return loop

    def current_task(of: asyncio.AbstractEventLoop | None = None) -> asyncio.Task[Any] | None:
        return _current_task(of or loop)

    async def sleep(delay: float, result: Any = None) -> Any:
        await (loop.sleep(delay) if delay > 0 else _sleep(0))
        return result

    return [
        (asyncio, "get_running_loop", find_loop),
        (asyncio, "get_event_loop", find_loop),
        (events, "get_running_loop", find_loop),
        (events, "_get_running_loop", find_loop),
        (events, "get_event_loop", find_loop),
        (events, "_get_event_loop", find_loop),
        (asyncio, "current_task", current_task),
        (tasks, "current_task", current_task),
        (asyncio, "sleep", sleep),
        (tasks._all_tasks, "add", _say_nothing),  # type: ignore[attr-defined]  # the C code asks it, too
    ]


def unheard(seed: int) -> list[Replacement]:
    """Return what keeps logs and metrics from being written, and gives libraries their chance by the seed."""
    _LIBRARIES.seed(seed)
    return [
        (structlog._config.BoundLoggerLazyProxy, "__getattr__", lambda *_: _say_nothing),
        (MetricWrapperBase, "labels", lambda *_, **__: _UNREAD),
        (prometheus_client.Gauge, "set", _say_nothing),
        (prometheus_client.Counter, "inc", _say_nothing),
        (os, "urandom", _LIBRARIES.randbytes),
        (random, "uniform", _LIBRARIES.uniform),
        (random, "sample", _LIBRARIES.sample),
        *_swift_copies(),
    ]


@cache
def _swift_copies() -> list[Replacement]:
    """Return what makes changed copies of plain dataclasses in one go: a sale is copied fifty times."""
    modules = [
        module for name, module in sys.modules.items() if name.startswith(("autodeal_", "tests.simulation"))
    ]
    return [
        (module, "replace", _replace)
        for module in modules
        if vars(module).get("replace") is dataclasses.replace
    ]


def _replace(instance: Any, /, **changes: Any) -> Any:
    kind: Any = type(instance)
    if not _is_plain(kind) or not changes.keys() <= kind.__dataclass_fields__.keys():
        return dataclasses.replace(instance, **changes)
    copy: Any = object.__new__(kind)
    copy.__dict__.update(instance.__dict__)
    copy.__dict__.update(changes)
    return copy


@cache
def _is_plain(kind: type) -> bool:
    """Tell whether making one means keeping its fields, and no more."""
    return (
        not hasattr(kind, "__slots__")
        and not hasattr(kind, "__post_init__")
        and all(each.init for each in dataclasses.fields(kind))
    )


def _say_nothing(*_: object, **__: object) -> None: ...


class _Unread:
    """A metric that nobody reads."""

    inc = dec = set = observe = staticmethod(_say_nothing)


_UNREAD = _Unread()
_LIBRARIES = random.Random()
"""What back-offs and ids of traces are drawn from."""
_current_task = tasks.current_task
_sleep = tasks.sleep
