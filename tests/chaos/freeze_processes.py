"""Letting processes stand still: to everybody else they are there and never answer."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process with all its children, and let them go on when the block ends.

    A database that stands still does so in all its processes.
    """
    processes = family(pid)
    send_signal(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        send_signal(processes, signal.SIGCONT)


def family(pid: int) -> list[psutil.Process]:
    """Return a process with all that descend from it; nothing if it is gone."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send_signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that still are."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
