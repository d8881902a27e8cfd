"""The database knows the service by a password or token that changes, and the service knows the database."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.integration.vehicle.conftest import CAR, RunService, Service, free_port
from tests.integration.vehicle.strict_postgres import (
    ROLE,
    SERVER_NAME,
    Certificate,
    StrictPostgres,
    strict_postgres,
)

from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.health import Health
from autodeal_platform.secret import FileSecret
from autodeal_platform.settings import Secret, SettingsError
from autodeal_vehicle.adapters.postgres.connect import create_engine, unavailable_when_unreachable
from autodeal_vehicle.adapters.postgres.migrate_database import migrate_database
from autodeal_vehicle.app.errors import StoreUnavailableError
from autodeal_vehicle.bootstrap import make_worker, open_parking
from autodeal_vehicle.settings import DatabaseSettings, Settings

pytestmark = pytest.mark.integration
SERVE = {"autodeal-vehicle-serve", "autodeal-notifier", "autodeal-listener"}
WORK = {"autodeal-vehicle-work", "autodeal-relay", "autodeal-listener"}


@dataclass(frozen=True)
class Room:
    """The server, the file of its authority, and the file with the service's password."""

    server: StrictPostgres
    authority: Path
    password: Path

    def database(self, host: str = SERVER_NAME) -> DatabaseSettings:
        return DatabaseSettings(
            database_url=Secret(f"postgresql://{ROLE}@{host}:{self.server.tls_port}/{ROLE}"),
            database_password=FileSecret(self.password),
            database_tls="verify-full",
            database_ca_file=str(self.authority),
        )

    async def rotate(self, password: str) -> None:
        self.password.write_text(password)
        await self.server.set_password(password)
        await self.server.end_sessions()


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[StrictPostgres, Path]]:
    async with strict_postgres(tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture
async def room(server: tuple[StrictPostgres, Path], tmp_path: Path) -> Room:
    room = Room(*server, tmp_path / "DATABASE_PASSWORD")
    await room.rotate("first")
    return room


@pytest.fixture
async def service_settings(room: Room, user_pool: FakeUserPool) -> Settings:
    await migrate_database(room.database())
    return Settings(
        database_url=room.database().database_url,
        database_password=room.database().database_password,
        database_tls="verify-full",
        database_ca_file=str(room.authority),
        http_port=free_port(),
        http_drain_timeout_seconds=2.0,
        kafka_bootstrap_servers="127.0.0.1:1",
        cognito_issuer=user_pool.issuer,
        cognito_client_id=user_pool.client_id,
    )


async def connect_once(settings: DatabaseSettings) -> None:
    engine = create_engine(settings, "test")
    try:
        with unavailable_when_unreachable():
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
    finally:
        await engine.dispose()


async def sell(service: Service, numbers: itertools.count[int]) -> list[int]:
    """Offer and reserve a vehicle: through the pool, through the hot path's pool, and the bell rings."""
    offered = await service.call("POST", "/vehicle", CAR, group="Admin", subject="admin")
    if offered.status != 201:
        return [offered.status]
    reserved = await service.reserve(offered.body["id"], subject=f"buyer-{next(numbers)}")
    return [offered.status, reserved.status]


async def test_no_request_fails_for_long_when_the_password_is_rotated_under_them(
    room: Room, service_settings: Settings, run_service: RunService
) -> None:
    numbers = itertools.count(1)
    async with run_service(service_settings) as service:
        assert await sell(service, numbers) == [201, 201]
        statuses: list[int] = []
        stop = asyncio.Event()

        async def buy() -> None:
            while not stop.is_set():
                statuses.extend(await sell(service, numbers))

        buying = [asyncio.create_task(buy()) for _ in range(3)]
        for password in ("second", "third"):
            await room.rotate(password)
            await asyncio.sleep(0.5)
        stop.set()
        await asyncio.gather(*buying)
        # Sessions that were cut break what runs in them, which may be tried again; nothing else fails.
        assert set(statuses) <= {201, 503}
        async with asyncio.timeout(60):
            while await sell(service, numbers) != [201, 201]:  # noqa: ASYNC110  the server's state
                await asyncio.sleep(0.05)
            while not await room.server.sessions() >= SERVE:  # noqa: ASYNC110  the server's state
                await asyncio.sleep(0.05)


async def test_worker_is_back_when_the_password_was_rotated(room: Room, service_settings: Settings) -> None:
    stop = asyncio.Event()
    async with make_worker(service_settings, Health()).open() as loops:
        running = [asyncio.ensure_future(loop(stop)) for loop in loops]
        for password in ("first", "second"):
            await room.rotate(password)
            async with asyncio.timeout(60):
                while not await room.server.sessions() >= WORK:  # noqa: ASYNC110  the server's state
                    await asyncio.sleep(0.05)
        stop.set()
        await asyncio.gather(*running)


async def test_operator_reads_parked_records_when_only_tls_and_a_password_are_let_in(
    service_settings: Settings,
) -> None:
    for of_outbox in (False, True):
        async with open_parking(service_settings, of_outbox=of_outbox) as parked:
            assert (await parked.counts()).dead == 0


async def test_each_connection_takes_the_token_that_is_valid_then(room: Room) -> None:
    asked = itertools.count(1)

    async def token() -> str:
        number = next(asked)
        await room.server.set_password(f"token-{number}")
        return f"token-{number}"

    settings = replace(
        room.database(),
        database_password=None,
        database_iam_authentication=True,
        aws_region="sa-east-1",
        database_tokens=token,
    )
    await migrate_database(settings)
    await connect_once(settings)
    assert next(asked) == 3


async def test_password_of_the_address_is_read_again_when_its_file_changes(room: Room) -> None:
    address = room.password.with_name("DATABASE_URL")
    address.write_text(f"postgresql://{ROLE}:first@{SERVER_NAME}:{room.server.tls_port}/{ROLE}\n")
    settings = replace(room.database(), database_url=FileSecret(address), database_password=None)
    engine = create_engine(settings, "test")
    for password in ("first", "second"):
        await room.server.set_password(password)
        address.write_text(f"postgresql://{ROLE}:{password}@{SERVER_NAME}:{room.server.tls_port}/{ROLE}\n")
        await room.server.end_sessions()
        await engine.dispose()
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    await engine.dispose()


async def test_database_counts_as_away_when_it_refuses_the_password(room: Room) -> None:
    await room.server.set_password("another")
    with pytest.raises(StoreUnavailableError):
        await connect_once(room.database())


async def test_database_counts_as_away_when_its_certificate_is_not_the_right_one(
    room: Room, tmp_path: Path
) -> None:
    with pytest.raises(StoreUnavailableError):
        await connect_once(room.database(host="127.0.0.1"))
    other = tmp_path / "other.pem"
    other.write_bytes(Certificate(SERVER_NAME).certificate_pem)
    with pytest.raises(StoreUnavailableError):
        await connect_once(replace(room.database(), database_ca_file=str(other)))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"database_tls": "by-url", "aws_region": "sa-east-1"}, "DATABASE_TLS=verify-full"),
        ({"database_tls": "verify-full"}, "AWS_REGION"),
    ],
)
def test_token_is_given_to_nobody_whose_certificate_is_not_checked(
    changes: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=f"DATABASE_IAM_AUTHENTICATION needs {complaint}"):
        DatabaseSettings(
            database_url=Secret("postgresql://vehicle@db/vehicle"),
            database_iam_authentication=True,
            **changes,  # type: ignore[arg-type]  # each is a setting
        )
