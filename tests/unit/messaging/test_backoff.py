from __future__ import annotations

import asyncio

from autodeal_messaging.backoff import Backoff, wait_for_event, worth_logging


def test_delays_double_up_to_the_limit_when_failures_go_on() -> None:
    backoff = Backoff(first_seconds=1.0, maximum_seconds=10.0)
    ceilings = [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert all(ceiling / 2 <= backoff.next_seconds() <= ceiling for ceiling in ceilings)


def test_delays_start_over_when_something_succeeded() -> None:
    backoff = Backoff(first_seconds=1.0, maximum_seconds=10.0)
    for _ in range(5):
        backoff.next_seconds()
    backoff.reset()
    assert backoff.next_seconds() <= 1.0


def test_delays_stay_finite_when_failures_never_end() -> None:
    backoff = Backoff(first_seconds=1.0, maximum_seconds=10.0)
    backoff.failures = 100_000
    assert backoff.next_seconds() <= 10.0


def test_fewer_and_fewer_failures_are_logged_when_they_go_on() -> None:
    assert [failures for failures in range(1, 40) if worth_logging(failures)] == [1, 2, 4, 8, 16, 32]


async def test_waiting_tells_of_the_event_when_it_came() -> None:
    event = asyncio.Event()
    assert not await wait_for_event(event, 0.001)
    event.set()
    assert await wait_for_event(event, 30.0)
