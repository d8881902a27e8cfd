"""Each process is told where its neighbours are, and overrides win."""

from __future__ import annotations

import pytest

from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.stack.service_environment import Surroundings, aws_environment
from autodeal_devstack.stack.service_processes import COMMANDS, MIGRATIONS, Addresses, overridden

ENDPOINTS = Endpoints(
    postgres_url="postgresql://postgres@127.0.0.1:1/postgres",
    kafka_bootstrap_servers="127.0.0.1:2",
    kafka_idempotent=False,
    dynamodb_url="http://127.0.0.1:3",
    cognito_url="http://127.0.0.1:4",
)


@pytest.fixture
def surroundings() -> Surroundings:
    return Surroundings(
        endpoints=ENDPOINTS,
        addresses=Addresses({name: 5000 + number for number, name in enumerate(COMMANDS)}),
        database_url="postgresql://postgres@127.0.0.1:1/vehicle",
        user_pool_id="sa-east-1_pool",
        client_id="client",
        issuer="https://issuer",
        jwks_url="http://127.0.0.1:4/sa-east-1_pool/.well-known/jwks.json",
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_process_listens_on_its_own_port_when_it_serves(surroundings: Surroundings, name: str) -> None:
    assert surroundings.environment(name)["HTTP_PORT"] == str(surroundings.addresses.ports[name])


@pytest.mark.parametrize("name", MIGRATIONS)
def test_migration_has_no_port_of_its_own_when_it_only_runs_to_its_end(
    surroundings: Surroundings, name: str
) -> None:
    assert "HTTP_PORT" not in surroundings.environment(name)


def test_provider_and_gateway_share_a_secret_when_the_provider_signs(surroundings: Surroundings) -> None:
    sandbox, gateway = surroundings.environment("sandbox"), surroundings.environment("gateway-serve")
    assert sandbox["SANDBOX_WEBHOOK_SECRET"] == gateway["WEBHOOK_SECRET"]
    assert sandbox["SANDBOX_WEBHOOK_URL"] == f"{surroundings.addresses.url('gateway-serve')}/webhook"
    payment = surroundings.environment("payment-serve")
    assert payment["MERCADO_PAGO_ACCESS_TOKEN"] == sandbox["SANDBOX_ACCESS_TOKEN"]
    assert payment["MERCADO_PAGO_URL"] == surroundings.addresses.url("sandbox")


def test_producers_are_not_idempotent_when_the_broker_cannot(surroundings: Surroundings) -> None:
    assert surroundings.environment("vehicle-work")["KAFKA_IDEMPOTENT_PRODUCER"] == "false"


def test_process_override_wins_when_the_service_has_one_too() -> None:
    overrides = {"vehicle": {"A": "service", "B": "service"}, "vehicle-work": {"B": "process"}}
    assert overridden("vehicle-work", {"A": "own", "C": "own"}, overrides) == {
        "A": "service",
        "B": "process",
        "C": "own",
    }
    assert overridden("payment-work", {"A": "own"}, overrides) == {"A": "own"}


def test_made_up_keys_are_given_when_all_is_emulated() -> None:
    environment = aws_environment(ENDPOINTS, {"AWS_PROFILE": "mine"})
    assert environment["AWS_ACCESS_KEY_ID"] == ENDPOINTS.aws_access_key_id
    assert "AWS_PROFILE" not in environment


def test_callers_own_keys_are_given_when_a_service_is_that_of_the_region() -> None:
    environment = aws_environment(Endpoints(aws_region="us-east-1"), {"AWS_PROFILE": "mine", "OTHER": "x"})
    assert environment == {"AWS_PROFILE": "mine", "AWS_REGION": "us-east-1"}
