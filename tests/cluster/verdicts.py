"""One line for each check."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class CheckFailedError(Exception):
    """The cluster did not do what it should."""


@dataclass
class Verdicts:
    """Runs checks and remembers which of them failed."""

    failed: list[str] = field(default_factory=list)

    def check(self, title: str, act: Callable[[], str]) -> bool:
        """Run one check, print PASS or FAIL with what it measured, and tell which."""
        began = time.monotonic()
        try:
            word, told = "PASS", act()
        except Exception as error:  # noqa: BLE001  whatever went wrong is the check's result
            self.failed.append(title)
            word, told = (
                "FAIL",
                "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]),
            )
        seconds = time.monotonic() - began
        sys.stdout.write(f"{word}  {title}  ({seconds:.0f} s)  {told}\n")
        sys.stdout.flush()
        return word == "PASS"


def require(condition: object, otherwise: str) -> None:
    """Raise CheckFailedError unless the condition holds."""
    if not condition:
        raise CheckFailedError(otherwise)


def wait_until(condition: Callable[[], object], what: str, *, seconds: float) -> None:
    """Return once the condition holds. Raises CheckFailedError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        require(time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)
