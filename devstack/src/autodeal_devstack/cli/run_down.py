"""`autodeal down`: have the running platform stop in good order."""

from __future__ import annotations

import sys

import psutil

from autodeal_devstack.cli.home import Home, is_alive

STOP_TIMEOUT_SECONDS = 60.0


def run_down() -> int:
    """Ask the owner to stop and wait for it; if it hangs it is killed, and its children end with it."""
    state = Home().read()
    if state is None:
        sys.stdout.write("nothing is running\n")
        return 0
    if is_alive(state.owner_pid, state.owner_started_at):
        owner = psutil.Process(state.owner_pid)
        owner.terminate()
        try:
            owner.wait(STOP_TIMEOUT_SECONDS)
        except psutil.TimeoutExpired:
            owner.kill()
            owner.wait(STOP_TIMEOUT_SECONDS)
    sys.stdout.write("stopped\n")
    return 0
