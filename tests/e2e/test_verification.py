"""`autodeal verify`, as it is run against a platform that was just deployed."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from autodeal_devstack.cli.commands import autodeal
from autodeal_devstack.demo.public_client import UnexpectedAnswerError
from autodeal_devstack.demo.stage import Stage
from autodeal_devstack.stack import Stack
from autodeal_devstack.verification.verify_purchase import Target, verify_purchase

pytestmark = pytest.mark.e2e


class Steps:
    """What was told."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, took_ms: int) -> None:
        assert took_ms >= 0
        self.names.append(name)


async def test_car_is_sold_and_handed_over_when_the_provider_is_the_sandbox(
    stack: Stack, stage: Stage
) -> None:
    steps = Steps()
    target = Target(
        gateway_url=stack.gateway_url,
        provider_url=stack.sandbox_url,
        identity_url=stack.endpoints.cognito_url,
    )

    await verify_purchase(target, steps)

    assert steps.names[-3:] == ["the car is sold", "the car is handed over", "the buyer leaves"]
    sold = (await stage.admin.call("GET", "/vehicles/sold?limit=100")).expect(200)
    assert any(car["model"] == "Verification" for car in sold)


async def test_car_is_given_back_when_nobody_can_pay(stack: Stack, stage: Stage) -> None:
    steps = Steps()
    kept = await stage.new_car("Kept")
    target = Target(gateway_url=stack.gateway_url, vehicle_id=kept)

    await verify_purchase(target, steps)

    assert steps.names[-2:] == ["the car is for sale again", "the buyer leaves"]
    assert (await stage.stranger.vehicle(kept))["status"] == "available"


async def test_step_that_failed_is_named_when_the_platform_refuses(stack: Stack) -> None:
    with pytest.raises(UnexpectedAnswerError, match="404") as refused:
        await verify_purchase(Target(gateway_url=stack.gateway_url, vehicle_id=999_999_999), Steps())
    assert refused.value.__notes__ == ["while: the buyer reserves it"]


def test_exit_code_is_1_when_nothing_answers() -> None:
    result = CliRunner().invoke(autodeal, ["verify", "--gateway", "http://127.0.0.1:1", "--vehicle", "1"])
    assert result.exit_code == 1
    assert re.search(r"while: the gateway is ready", result.output)


@pytest.mark.parametrize("options", [[], ["--identity", "http://127.0.0.1:1"], ["--provider", "http://x"]])
def test_usage_is_told_when_options_do_not_go_together(options: list[str]) -> None:
    result = CliRunner().invoke(autodeal, ["verify", *options], env=dict.fromkeys(ENVIRONMENT, ""))
    assert result.exit_code == 2
    assert "--vehicle" in result.output


ENVIRONMENT = ("SANDBOX_URL", "COGNITO_ENDPOINT_URL", "VERIFY_ADMIN_EMAIL", "VERIFY_VEHICLE_ID")
