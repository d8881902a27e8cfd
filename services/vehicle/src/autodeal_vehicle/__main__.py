"""`python -m autodeal_vehicle serve | work | migrate | dlq`."""

from __future__ import annotations

import argparse
import os
import sys

from autodeal_messaging.parking.command_line import add_dlq_command, run_dlq
from autodeal_platform.health import Health
from autodeal_platform.logs import configure_logging
from autodeal_platform.run_http import run_http, run_process
from autodeal_platform.run_worker import run_worker
from autodeal_platform.settings import SettingsError, load_settings
from autodeal_vehicle.adapters.postgres.migrate_database import migrate_database
from autodeal_vehicle.bootstrap import make_app, make_worker, open_parking
from autodeal_vehicle.settings import DatabaseSettings, OperatorSettings, Settings

USAGE_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one process of the vehicle service; return its exit code."""
    parser = argparse.ArgumentParser(prog="autodeal-vehicle", description="Vehicles and orders.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer HTTP requests")
    commands.add_parser("work", help="relay events, consume and replay events, act on deadlines")
    commands.add_parser("migrate", help="bring the database up to date, then end")
    add_dlq_command(commands, with_outbox=True)
    parsed = parser.parse_args(arguments)
    command = parsed.command
    configure_logging("vehicle", os.environ.get("LOG_LEVEL", "INFO"))
    try:
        if command == "migrate":
            settings = load_settings(DatabaseSettings, os.environ)
            return run_process(migrate_database(settings.database_url.reveal()))
        if command == "dlq":
            return operate(parsed, load_settings(OperatorSettings, os.environ))
        run = serve if command == "serve" else work
        return run_process(run(load_settings(Settings, os.environ)))
    except SettingsError as error:
        print(f"autodeal-vehicle: {error}", file=sys.stderr)  # noqa: T201  there are no settings to log by
        return USAGE_ERROR


async def serve(settings: Settings) -> None:
    """Answer HTTP requests until told to stop."""
    health = Health()
    await run_http(make_app(settings, health), settings, health)


def operate(arguments: argparse.Namespace, settings: OperatorSettings) -> int:
    """Run an operator's command on parked records; return its exit code."""
    codes: list[int] = []

    async def run() -> None:
        async with open_parking(settings, of_outbox=arguments.outbox) as parked:
            codes.append(await run_dlq(arguments, parked))

    return run_process(run()) or codes[0]


async def work(settings: Settings) -> None:
    """Run the loops until told to stop."""
    health = Health()
    async with make_worker(settings, health).open() as loops:
        await run_worker(loops, settings, health)


if __name__ == "__main__":
    sys.exit(main())
