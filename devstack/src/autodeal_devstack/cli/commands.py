"""Every command of `autodeal`; each does its work in a module of its own, imported when it is called."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import click
import structlog

from autodeal_devstack.cli.engine_commands import engine
from autodeal_devstack.cli.home import NotRunningError
from autodeal_devstack.engines.endpoints import EngineChoice, EngineError
from autodeal_devstack.processes import ProcessFailedError

DEFAULT_PORT = 8080
DEFAULT_VEHICLES = 300
INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C ended."""


def with_engines(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that chooses engines."""
    return click.option(
        "--engines",
        "choice",
        type=click.Choice([choice.value for choice in EngineChoice]),
        default=EngineChoice.EMBEDDED.value,
        envvar="ENGINES",
        show_default=True,
        show_envvar=True,
        help="Where PostgreSQL, Kafka, DynamoDB and Cognito come from.",
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def autodeal() -> None:
    """Run the whole platform on this machine."""


@autodeal.command(short_help="Start everything.")
@with_engines
@click.option("--detach", is_flag=True, help="Come back once everything runs; `autodeal down` stops it.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="The gateway's port, if it is free.")
@click.option("--vehicles", default=DEFAULT_VEHICLES, show_default=True, help="How many cars are for sale.")
def up(choice: str, *, detach: bool, port: int, vehicles: int) -> None:
    """Start engines, provider sandbox and services; Ctrl-C stops them all."""
    from autodeal_devstack.cli.run_up import run_detached, run_up

    run = run_detached if detach else run_up
    sys.exit(run(EngineChoice(choice), port=port, vehicles=vehicles))


@autodeal.command()
def down() -> None:
    """Stop what `up` started."""
    from autodeal_devstack.cli.run_down import run_down

    sys.exit(run_down())


@autodeal.command(short_help="Show every process.")
def status() -> None:
    """Show every process; the exit code is 1 when one of them is down."""
    from autodeal_devstack.cli.show_status import show_status

    sys.exit(show_status())


@autodeal.command(short_help="Play purchases to each of their endings.")
@with_engines
def demo(choice: str) -> None:
    """Play purchases to each of their endings on a platform of its own, and check every invariant."""
    from autodeal_devstack.demo.run_demo import main as run_demo

    sys.exit(run_demo(EngineChoice(choice)))


@autodeal.command(short_help="Print an access token.")
@click.option("--group", type=click.Choice(["Admin", "Buyer"]), default="Buyer", show_default=True)
@click.option("--user", "number", type=click.IntRange(min=0), default=0, help="Which of the group's people.")
def token(group: str, number: int) -> None:
    """Print an access token; the person is registered if need be."""
    from autodeal_devstack.cli.print_token import print_token

    print_token(group, number)


@autodeal.command(short_help="Print what the processes wrote.")
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as the logs grow.")
@click.option(
    "-n", "--lines", default=20, show_default=True, help="How many lines of each log to begin with."
)
def logs(name: str | None, *, follow: bool, lines: int) -> None:
    """Print the log of a process or engine, or the ends of all; they are kept until the next `up`."""
    from autodeal_devstack.cli.show_logs import show_logs

    show_logs(name, follow=follow, lines=lines)


@autodeal.command(short_help="Buy cars of a platform that runs elsewhere.")
@click.option("--gateway", default="http://gateway", show_default=True, help="The gateway's URL.")
@click.option("--provider", default="http://provider:8080", show_default=True, help="The sandbox's URL.")
@click.option("--identity", default="http://identity:8080", show_default=True, help="The user pool's URL.")
@click.option("--count", type=click.IntRange(min=1), help="How many; without it, until a signal comes.")
@click.option("--rate", default=2.0, show_default=True, help="Purchases begun a second.")
def purchases(gateway: str, provider: str, identity: str, *, count: int | None, rate: float) -> None:
    """Buy cars through the public routes; the exit code is 0 when each was sold and no answer was a 5xx."""
    from autodeal_devstack.cli.run_purchases import run_purchases
    from autodeal_devstack.purchases.buy_cars import Pace, Platform

    platform = Platform(gateway_url=gateway, provider_url=provider, identity_url=identity)
    sys.exit(run_purchases(platform, Pace(per_second=rate, count=count)))


@autodeal.command(short_help="Check that a deployed platform sells cars.")
@click.option("--gateway", envvar="GATEWAY_URL", default="http://gateway", show_default=True, help="Its URL.")
@click.option("--provider", envvar="SANDBOX_URL", help="The provider's sandbox, where the car is paid.")
@click.option("--identity", envvar="COGNITO_ENDPOINT_URL", help="The emulator of Cognito, for an Admin.")
@click.option("--admin", envvar="VERIFY_ADMIN_EMAIL", help="An Admin's e-mail, elsewhere.")
@click.option("--admin-password", envvar="VERIFY_ADMIN_PASSWORD", help="Better in the environment.")
@click.option("--vehicle", type=int, envvar="VERIFY_VEHICLE_ID", help="A car that is kept for this.")
@click.option("--patience", default=120.0, show_default=True, help="Seconds that each wait may take.")
def verify(
    gateway: str,
    provider: str | None,
    identity: str | None,
    admin: str | None,
    admin_password: str | None,
    *,
    vehicle: int | None,
    patience: float,
) -> None:
    """Buy one car through the gateway, from registration to the keys.

    Where there is no sandbox to pay at, a car that is kept for this is reserved and given back.
    """
    from autodeal_devstack.cli.run_verify import check_target, run_verify
    from autodeal_devstack.verification.verify_purchase import Target

    target = Target(
        gateway_url=gateway.rstrip("/"),
        provider_url=provider,
        identity_url=identity,
        admin_email=admin,
        admin_password=admin_password,
        vehicle_id=vehicle,
        patience_seconds=patience,
    )
    check_target(target)
    sys.exit(run_verify(target))


autodeal.add_command(engine)


def main() -> None:
    """Run the command line; what is known to go wrong is told plainly, not as a traceback."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        autodeal.main(prog_name="autodeal", standalone_mode=False)
    except (EngineError, ProcessFailedError, NotRunningError) as error:
        click.echo(f"autodeal: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
