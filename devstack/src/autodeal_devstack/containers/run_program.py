"""Run another program in the foreground, as the first process of a container has to."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType


def run_program(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> int:
    """Run a program to its end and return its exit code; SIGTERM and SIGINT reach it as `stop_signal`.

    A program that such a signal ended counts as well ended.
    """
    asked: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def stop(number: int, _: FrameType | None) -> None:
        asked.append(number)
        if process is not None:
            process.send_signal(stop_signal)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    process = subprocess.Popen(list(command), env=dict(os.environ | (environment or {})))
    if asked:  # it came while the program was being started
        process.send_signal(stop_signal)
    code = process.wait()
    return 0 if asked and code in {0, -stop_signal} else code
