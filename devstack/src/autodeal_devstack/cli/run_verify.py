"""`autodeal verify`: one purchase of a platform that was just deployed."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import click

from autodeal_devstack.demo.public_client import UnexpectedAnswerError
from autodeal_devstack.sandbox.client import SandboxControlError
from autodeal_devstack.verification.verify_purchase import Target, verify_purchase

FAILURES = (aiohttp.ClientError, UnexpectedAnswerError, SandboxControlError, TimeoutError)


def run_verify(target: Target) -> int:
    """Print each step as it ends; return 0 when all went well and 1 otherwise."""
    try:
        asyncio.run(verify_purchase(target, tell))
    except FAILURES as error:
        where = "; ".join(getattr(error, "__notes__", []))
        click.echo(f"autodeal verify: {type(error).__name__}: {error} ({where})", err=True)
        return 1
    click.echo(f"{target.gateway_url} sells cars")
    return 0


def tell(step: str, took_ms: int) -> None:
    """Print a step."""
    sys.stdout.write(f"{took_ms:7d} ms  {step}\n")
    sys.stdout.flush()


def check_target(target: Target) -> None:
    """Raise click.UsageError when the options do not go together."""
    has_admin = target.identity_url is not None or (target.admin_email and target.admin_password)
    if target.vehicle_id is None and not has_admin:
        raise click.UsageError("name a car (--vehicle), or say who may put one up (--identity or --admin)")
    if target.vehicle_id is None and target.provider_url is None:
        raise click.UsageError(
            "without the provider's sandbox (--provider) nobody pays: name a car (--vehicle)"
        )
