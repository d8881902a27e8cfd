"""`python -m autodeal_payment serve | work | migrate`."""

from __future__ import annotations

import argparse
import os
import sys

from autodeal_payment.bootstrap import make_app, make_loops, migrate, open_connections
from autodeal_payment.settings import Settings, StoreSettings
from autodeal_platform.health import Health
from autodeal_platform.logs import configure_logging
from autodeal_platform.run_http import run_http, run_process
from autodeal_platform.run_worker import run_worker
from autodeal_platform.settings import SettingsError, load_settings

USAGE_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one process of the payment service; return its exit code."""
    parser = argparse.ArgumentParser(prog="autodeal-payment", description="Payments.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer HTTP requests")
    commands.add_parser("work", help="relay events, consume events, ask the provider again")
    commands.add_parser("migrate", help="make the table, then end")
    command = parser.parse_args(arguments).command
    configure_logging("payment", os.environ.get("LOG_LEVEL", "INFO"))
    try:
        if command == "migrate":
            return run_process(migrate(load_settings(StoreSettings, os.environ)))
        run = serve if command == "serve" else work
        return run_process(run(load_settings(Settings, os.environ)))
    except SettingsError as error:
        print(f"autodeal-payment: {error}", file=sys.stderr)  # noqa: T201  there are no settings to log by
        return USAGE_ERROR


async def serve(settings: Settings) -> None:
    """Answer HTTP requests until told to stop."""
    health = Health()
    async with open_connections(settings) as connections:
        await run_http(make_app(settings, connections, health), settings, health)


async def work(settings: Settings) -> None:
    """Run the loops until told to stop."""
    health = Health()
    async with open_connections(settings) as connections:
        await run_worker(make_loops(settings, connections, health), settings, health)


if __name__ == "__main__":
    sys.exit(main())
