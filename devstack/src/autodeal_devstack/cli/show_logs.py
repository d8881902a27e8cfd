"""`autodeal logs`: what the processes wrote."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from autodeal_devstack.cli.home import Home, NotRunningError

POLL_SECONDS = 0.2


def show_logs(name: str | None, *, follow: bool, lines: int) -> None:
    """Print the ends of the logs, each line under its process's name when there are several."""
    logs = sorted(Home().logs.glob("*.log"))
    known = ", ".join(log.stem for log in logs)
    if not logs:
        raise NotRunningError("there are no logs; `autodeal up` writes them")
    if name is not None:
        logs = [log for log in logs if log.stem == name]
        if not logs:
            raise NotRunningError(f"there is no log of {name}; there are {known}")
    width = 0 if name else max(len(log.stem) for log in logs)
    positions = {log: print_end(log, lines, width) for log in logs}
    while follow:
        time.sleep(POLL_SECONDS)
        for log, position in positions.items():
            positions[log] = print_from(log, position, width)


def print_end(log: Path, lines: int, width: int) -> int:
    """Print the last lines of a log and return the position after them."""
    content = log.read_bytes()
    complete = content[: content.rfind(b"\n") + 1]
    write(complete.splitlines()[-lines:] if lines else [], log, width)
    return len(complete)


def print_from(log: Path, position: int, width: int) -> int:
    """Print the complete lines after a position and return the position after them."""
    with log.open("rb") as file:
        file.seek(position)
        added = file.read()
    complete = added[: added.rfind(b"\n") + 1]
    write(complete.splitlines(), log, width)
    return position + len(complete)


def write(lines: list[bytes], log: Path, width: int) -> None:
    """Print lines, under the log's name if there is room for it."""
    for line in lines:
        named = f"{log.stem:<{width}} | " if width else ""
        sys.stdout.write(f"{named}{line.decode(errors='replace')}\n")
    sys.stdout.flush()
