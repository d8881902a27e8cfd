"""The gateway's command line: `python -m autodeal_gateway serve | topics`."""

from __future__ import annotations

import argparse
import os
import sys

from autodeal_contracts.topics import topics_of
from autodeal_gateway.bootstrap import SERVICE, serve, with_kafka_tokens
from autodeal_gateway.settings import Settings, TopicsSettings
from autodeal_messaging.topics_command import add_topics_command, run_topics
from autodeal_platform.logs import configure_logging
from autodeal_platform.run_http import run_process
from autodeal_platform.settings import SettingsError, load_settings

SETTINGS_INVALID = 2


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the process's exit code."""
    parser = argparse.ArgumentParser(prog="autodeal-gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer HTTP requests until told to stop")
    add_topics_command(commands)
    parsed = parser.parse_args(arguments)
    try:
        if parsed.command == "topics":
            topic_settings = with_kafka_tokens(load_settings(TopicsSettings, os.environ))
            configure_logging(SERVICE, "INFO")
            return run_process(
                run_topics(topic_settings, topics_of(SERVICE), allow_differences=parsed.allow_differences)
            )
        settings = with_kafka_tokens(load_settings(Settings, os.environ))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return SETTINGS_INVALID
    configure_logging(SERVICE, settings.log_level)
    return run_process(serve(settings))


if __name__ == "__main__":
    sys.exit(main())
