"""`autodeal engine …`: one engine in the foreground, as the program of a container."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click


def with_port(default: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the option that chooses the port."""
    return click.option("--port", default=default, show_default=True, help="The port, on every address.")


@click.group()
def engine() -> None:
    """Run one engine alone, for a container."""


@engine.command()
@with_port(5432)
def postgres(port: int) -> None:
    """Run PostgreSQL; PGDATA, POSTGRES_PASSWORD and POSTGRES_DB are as in the official image."""
    from autodeal_devstack.containers.run_postgres import run_postgres

    sys.exit(run_postgres(port))


@engine.command()
@with_port(9092)
@click.option("--advertise", required=True, help="The host:port that clients are sent to.")
def kafka(port: int, advertise: str) -> None:
    """Run the embedded broker, which keeps everything in memory."""
    from autodeal_devstack.containers.run_kafka import run_kafka

    sys.exit(run_kafka(port, advertise))


@engine.command()
@with_port(8000)
def dynamodb(port: int) -> None:
    """Run the emulator of DynamoDB, which keeps everything in memory."""
    from autodeal_devstack.containers.run_aws import run_dynamodb

    sys.exit(run_dynamodb(port))


@engine.command()
@with_port(9229)
def identity(port: int) -> None:
    """Run the emulator of Cognito with the platform's user pool in it."""
    from autodeal_devstack.containers.run_aws import run_identity

    sys.exit(run_identity(port))


@engine.command()
def provider() -> None:
    """Run the payment provider's sandbox; its settings come from the environment."""
    from autodeal_devstack.sandbox.__main__ import main as run_sandbox

    sys.exit(run_sandbox())
