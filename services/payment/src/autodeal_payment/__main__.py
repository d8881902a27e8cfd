"""`python -m autodeal_payment serve | work | migrate | topics | dlq`."""

from __future__ import annotations

import argparse
import os
import sys

from autodeal_contracts.topics import topics_of
from autodeal_messaging.parking.command_line import add_dlq_command, run_dlq
from autodeal_messaging.topics_command import add_topics_command, run_topics
from autodeal_payment.bootstrap import (
    SERVICE,
    make_app,
    make_loops,
    migrate,
    open_connections,
    open_parking,
    with_kafka_tokens,
)
from autodeal_payment.settings import OperatorSettings, Settings, StoreSettings, TopicsSettings
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
    commands.add_parser("work", help="relay events, consume and replay events, ask the provider again")
    commands.add_parser("migrate", help="make the table, then end")
    add_topics_command(commands)
    add_dlq_command(commands, with_outbox=True)
    parsed = parser.parse_args(arguments)
    command = parsed.command
    configure_logging("payment", os.environ.get("LOG_LEVEL", "INFO"))
    try:
        if command == "migrate":
            return run_process(migrate(load_settings(StoreSettings, os.environ)))
        if command == "topics":
            topic_settings = with_kafka_tokens(load_settings(TopicsSettings, os.environ))
            return run_process(
                run_topics(topic_settings, topics_of(SERVICE), allow_differences=parsed.allow_differences)
            )
        if command == "dlq":
            return operate(parsed, load_settings(OperatorSettings, os.environ))
        run = serve if command == "serve" else work
        return run_process(run(with_kafka_tokens(load_settings(Settings, os.environ))))
    except SettingsError as error:
        print(f"autodeal-payment: {error}", file=sys.stderr)  # noqa: T201  there are no settings to log by
        return USAGE_ERROR


async def serve(settings: Settings) -> None:
    """Answer HTTP requests until told to stop."""
    health = Health()
    async with open_connections(settings) as connections:
        await run_http(make_app(settings, connections, health), settings, health)


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
    async with open_connections(settings) as connections:
        await run_worker(make_loops(settings, connections, health), settings, health)


if __name__ == "__main__":
    sys.exit(main())
