"""`autodeal purchases`: a load on a platform that runs elsewhere."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from autodeal_devstack.purchases.buy_cars import Pace, Platform, buy_cars
from autodeal_devstack.purchases.tally import Report
from autodeal_platform.run_http import handling_signals


def run_purchases(platform: Platform, pace: Pace) -> int:
    """Buy, printing a report as a line of JSON each second and at the end; 0 when every purchase was sold."""
    report = asyncio.run(until_stopped(platform, pace))
    print_report(report)
    return 0 if report.is_clean else 1


async def until_stopped(platform: Platform, pace: Pace) -> Report:
    """Buy until enough is bought or a signal comes; what was begun is followed to its end."""
    stop = asyncio.Event()
    with handling_signals(stop.set):
        return await buy_cars(platform, pace, stop, print_report)


def print_report(report: Report) -> None:
    """Write one line."""
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    sys.stdout.flush()
