"""The smallest question in each engine's protocol.

Client libraries are imported here when they are used, so that choosing engines costs nothing.
"""

from __future__ import annotations

from typing import Any, cast

from autodeal_devstack.engines.endpoints import LOCAL_ACCESS_KEY_ID, LOCAL_REGION, LOCAL_SECRET_ACCESS_KEY

PROBE_TIMEOUT_SECONDS = 5.0


async def probe_postgres(url: str) -> None:
    """Run a query."""
    import asyncpg

    connection = await asyncpg.connect(url, timeout=PROBE_TIMEOUT_SECONDS)
    try:
        await connection.fetchval("select 1", timeout=PROBE_TIMEOUT_SECONDS)
    finally:
        await connection.close(timeout=PROBE_TIMEOUT_SECONDS)


async def probe_kafka(bootstrap_servers: str) -> None:
    """Fetch the cluster's metadata and see a broker in it."""
    from aiokafka.client import AIOKafkaClient

    client = AIOKafkaClient(
        bootstrap_servers=bootstrap_servers, request_timeout_ms=int(PROBE_TIMEOUT_SECONDS * 1000)
    )
    try:
        await client.bootstrap()
        if not client.cluster.brokers():
            raise ConnectionError("no broker has joined the cluster")
    finally:
        await client.close()


def aws_client(
    service: str,
    url: str | None,
    *,
    region: str = LOCAL_REGION,
    access_key_id: str = LOCAL_ACCESS_KEY_ID,
    secret_access_key: str = LOCAL_SECRET_ACCESS_KEY,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Any:  # noqa: ANN401 each service has a client type of its own
    """Return the async context manager of a client, by default for a local emulator."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    config = AioConfig(
        connect_timeout=PROBE_TIMEOUT_SECONDS, read_timeout=timeout_seconds, retries={"max_attempts": 1}
    )
    return get_session().create_client(
        cast("Any", service),  # the stubs know each service by a literal
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=config,
    )


async def probe_dynamodb(url: str) -> None:
    """List the tables."""
    async with aws_client("dynamodb", url) as client:
        await client.list_tables(Limit=1)


async def probe_cognito(url: str) -> None:
    """List the user pools."""
    async with aws_client("cognito-idp", url) as client:
        await client.list_user_pools(MaxResults=1)
