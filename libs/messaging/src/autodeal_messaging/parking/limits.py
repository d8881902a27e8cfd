"""How patient parking is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ParkingLimits:
    """Limits of one consumer group. With these a failing record is dead after about twenty minutes."""

    attempts_in_place: int = 3
    """So many quick attempts before a record is parked; it holds its partition while they last."""
    attempt_limit: int = 12
    """So many attempts at a parked record that counted, and it is dead."""
    retry_first_seconds: float = 1.0
    """The pause before the first attempt at a parked record; it doubles."""
    retry_maximum_seconds: float = 300.0
    claim_seconds: float = 60.0
    """After this another worker takes up what one has claimed and not finished."""
    poll_seconds: float = 1.0
    """How often a replay worker looks for what is due."""
    concurrency: int = 8
    """How many keys one worker replays at a time."""
    run_of_key: int = 200
    """So many records of one key in a row; then it is another key's turn."""
    pause_maximum_seconds: float = 10.0
    """The longest pause while the surroundings are away."""
    drain_timeout_seconds: float = 10.0
    """How long the attempts under way may take to finish after a stop."""
