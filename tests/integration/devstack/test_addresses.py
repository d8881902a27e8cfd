"""Engines of one's own, named by the environment: used, found again, and never stopped."""

from __future__ import annotations

import aiohttp
import pytest

from autodeal_devstack.engines import Endpoints, EngineChoice, EngineError, running_engines
from autodeal_devstack.engines.addresses import IDEMPOTENT_VARIABLE, VARIABLES
from autodeal_devstack.engines.endpoints import EngineName
from autodeal_devstack.engines.probes import probe_kafka, probe_postgres
from autodeal_devstack.processes import find_port
from autodeal_devstack.stack import running_stack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

VEHICLES = 5


@pytest.fixture
def named(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Endpoints:
    """The session's engines, as somebody else would name them."""
    values = {
        EngineName.POSTGRES: endpoints.postgres_url,
        EngineName.KAFKA: endpoints.kafka_bootstrap_servers,
        EngineName.DYNAMODB: endpoints.dynamodb_url or "",
        EngineName.COGNITO: endpoints.cognito_url or "",
    }
    for name, value in values.items():
        monkeypatch.setenv(VARIABLES[name], value)
    monkeypatch.setenv(IDEMPOTENT_VARIABLE, str(endpoints.kafka_idempotent))
    monkeypatch.setenv("AWS_REGION", endpoints.aws_region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", endpoints.aws_access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", endpoints.aws_secret_access_key)
    return endpoints


async def test_engines_run_on_when_the_block_that_used_them_ends(named: Endpoints) -> None:
    async with running_engines(EngineChoice.ADDRESSES) as endpoints:
        assert endpoints == named
    await probe_postgres(named.postgres_url)
    await probe_kafka(named.kafka_bootstrap_servers)


async def test_address_is_named_without_its_password_when_nothing_answers(
    named: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"127.0.0.1:{find_port()}/postgres"
    monkeypatch.setenv("AUTODEAL_POSTGRES_URL", f"postgresql://somebody:hunter2@{address}")
    with pytest.raises(EngineError, match=f"AUTODEAL_POSTGRES_URL={address} does not answer") as error:
        async with running_engines(EngineChoice.ADDRESSES, need={"postgres"}):
            raise AssertionError("it must not start")
    assert "hunter2" not in str(error.value)


async def test_platform_finds_its_data_again_when_it_comes_back(named: Endpoints) -> None:
    """The second stack migrates, registers and seeds nothing twice."""
    seen = []
    for _ in range(2):
        async with running_stack(EngineChoice.ADDRESSES, vehicles=VEHICLES) as stack:
            token = await stack.admin_token()
            async with (
                aiohttp.ClientSession(
                    stack.gateway_url, headers={"authorization": f"Bearer {token}"}
                ) as http,
                http.get("/vehicles?limit=100") as response,
            ):
                vehicles = await response.json()
            seen.append((stack.user_pool.pool_id, [vehicle["id"] for vehicle in vehicles]))
    assert len(seen[0][1]) == VEHICLES
    assert seen[0] == seen[1]
