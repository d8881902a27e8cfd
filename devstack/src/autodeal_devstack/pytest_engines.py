"""Engines as pytest fixtures, chosen by the variable ENGINES (embedded, real, docker, addresses).

An engine starts when the first test asks for it and is shared by the session; what a test makes in it
(a database, a table, topics) has a name of its own. Tests marked `real` are skipped on embedded engines.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from autodeal_devstack.engines.endpoints import Endpoints, EngineChoice, EngineName

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

    from autodeal_devstack.engines.engine import Engine
    from autodeal_devstack.engines.run_engines import EngineSet
    from autodeal_devstack.stack.user_pool import UserPool
    from autodeal_messaging.kafka_settings import KafkaSettings


def chosen_engines() -> EngineChoice:
    """Return the choice that the environment names."""
    return EngineChoice(os.environ.get("ENGINES") or EngineChoice.EMBEDDED)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what only real engines can prove when the embedded ones are chosen."""
    if chosen_engines() is not EngineChoice.EMBEDDED:
        return
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.skip(reason="needs ENGINES=real"))


@pytest.fixture(scope="session")
def engine_choice() -> EngineChoice:
    """Tell the chosen kind of engines."""
    return chosen_engines()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines(engine_choice: EngineChoice) -> AsyncIterator[EngineSet]:
    """Hold the session's engines; `await engines.start({"kafka"})` starts what does not run yet."""
    from autodeal_devstack.engines.run_engines import engine_set

    async with engine_set(engine_choice) as engines:
        yield engines


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def endpoints(engines: EngineSet) -> Endpoints:
    """Start all four engines together and tell their addresses."""
    return await engines.start()


@pytest_asyncio.fixture(loop_scope="session")
async def postgres_url(engines: EngineSet, unique_name: str) -> AsyncIterator[str]:
    """Give the URL of a fresh empty database, dropped afterwards."""
    from autodeal_devstack.engines.postgres_databases import create_database, drop_database

    server = (await engines.start({EngineName.POSTGRES})).postgres_url
    url = await create_database(server, unique_name)
    yield url
    await drop_database(server, unique_name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka_settings(engines: EngineSet) -> KafkaSettings:
    """Tell how to reach the session's broker; topics and groups are told apart by `topic_prefix`."""
    from autodeal_devstack.engines.describe_kafka import kafka_settings_for

    return kafka_settings_for(await engines.start({EngineName.KAFKA}))


@pytest.fixture
def unique_name() -> str:
    """Make a name nobody else has: letters and digits, starting with a letter."""
    return f"t{secrets.token_hex(8)}"


@pytest.fixture
def topic_prefix(unique_name: str) -> str:
    """Make a prefix for the topics and consumer groups of one test, ending with a dot."""
    return f"{unique_name}."


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def dynamodb_client(engines: EngineSet) -> AsyncIterator[DynamoDBClient]:
    """Hold a low-level client of the session's DynamoDB."""
    from autodeal_devstack.engines.probes import aws_client

    endpoints = await engines.start({EngineName.DYNAMODB})
    async with aws_client(
        "dynamodb",
        endpoints.dynamodb_url,
        region=endpoints.aws_region,
        access_key_id=endpoints.aws_access_key_id,
        secret_access_key=endpoints.aws_secret_access_key,
        timeout_seconds=30.0,
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def dynamodb_table(dynamodb_client: DynamoDBClient, unique_name: str) -> AsyncIterator[str]:
    """Name a table that does not exist yet; dropped afterwards if it then does."""
    from autodeal_devstack.engines.dynamodb_tables import drop_table

    yield unique_name
    await drop_table(dynamodb_client, unique_name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cognito(engines: EngineSet) -> UserPool:
    """Create a user pool: `await cognito.token("Buyer", number=1)`, `.issuer`, `.jwks_url`, `.client_id`."""
    from autodeal_devstack.stack.user_pool import create_user_pool

    return await create_user_pool(await engines.start({EngineName.COGNITO}))


@dataclass(frozen=True)
class PrivateBroker:
    """A broker of one test's own, which the test may kill."""

    settings: KafkaSettings
    _engine: Engine

    @property
    def pid(self) -> int:
        """The process to send signals to; a container has none here, and its tests are skipped."""
        pid = self._engine.describe().pid
        if pid is None:
            pytest.skip("the broker is no process of this machine")
        return pid

    async def kill(self) -> None:
        """End it with SIGKILL. The embedded broker forgets everything; Apache Kafka keeps its records."""
        await self._engine.kill()

    async def restart(self) -> None:
        """Start it again on the same port.

        To the embedded broker a producer that still runs may send before the topics are made anew, and those
        records are lost although acknowledged.
        """
        await self._engine.restart()


@pytest_asyncio.fixture(loop_scope="session")
async def private_broker(engine_choice: EngineChoice) -> AsyncIterator[PrivateBroker]:
    """Run a broker that no other test uses."""
    from autodeal_devstack.engines.describe_kafka import kafka_settings_for
    from autodeal_devstack.engines.run_engines import engine_set

    if engine_choice is EngineChoice.ADDRESSES:
        pytest.skip("a broker named by its address cannot be killed here")
    async with engine_set(engine_choice) as engines:
        endpoints = await engines.start({EngineName.KAFKA})
        yield PrivateBroker(settings=kafka_settings_for(endpoints), _engine=engines.engines["kafka"])
