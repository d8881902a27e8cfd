"""The identity provider in memory and the real one behave alike."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from autodeal_devstack.stack.user_pool import cognito_client
from autodeal_gateway.adapters.cognito_people import CognitoPeople
from autodeal_gateway.app.errors import InvalidCredentialsError, PersonNotFoundError
from autodeal_gateway.app.memory_people import MemoryPeople
from autodeal_gateway.app.register_person import EmailKnownError
from autodeal_gateway.domain.address import Address
from autodeal_gateway.domain.check_cpf import read_cpf
from autodeal_gateway.domain.registration import Registration

if TYPE_CHECKING:
    from autodeal_devstack.stack.user_pool import UserPool

pytestmark = pytest.mark.integration
People = MemoryPeople | CognitoPeople
PASSWORD = "Str0ng-enough!"


@pytest.fixture(params=["memory", "cognito"])
async def people(request: pytest.FixtureRequest, cognito: UserPool) -> AsyncIterator[People]:
    if request.param == "memory":
        yield MemoryPeople(lambda: datetime.now(UTC))
        return
    async with cognito_client(cognito.endpoints) as client:
        yield CognitoPeople(client, user_pool_id=cognito.pool_id, client_id=cognito.client_id)


@pytest.fixture
def registration() -> Registration:
    return Registration(
        email=f"{uuid.uuid4().hex}@example.com",
        password=PASSWORD,
        first_name="Ana Lúcia",
        last_name="d'Ávila",
        cpf=read_cpf("52998224725"),
        address=Address(
            street="Rua Ação",
            number="s/n",
            neighborhood="Centro",
            city="São Paulo",
            state="SP",
            zip_code="01310200",
        ),
        terms_accepted_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )


async def finish(people: People, registration: Registration) -> str:
    subject = await people.create_person(registration)
    await people.admit_buyer(subject)
    await people.set_password(subject, registration.password)
    return subject


async def test_person_logs_in_when_finished(people: People, registration: Registration) -> None:
    await finish(people, registration)
    tokens = await people.log_in(registration.email, PASSWORD)
    assert (tokens.token_type, tokens.expires_in > 0) == ("Bearer", True)
    assert tokens.access_token != tokens.id_token


async def test_login_is_refused_alike_when_anything_is_wrong(
    people: People, registration: Registration
) -> None:
    await finish(people, registration)
    for email, password in ((registration.email, "wrong"), ("nobody@example.com", PASSWORD)):
        with pytest.raises(InvalidCredentialsError):
            await people.log_in(email, password)


async def test_nobody_logs_in_when_unfinished(people: People, registration: Registration) -> None:
    subject = await people.create_person(registration)
    await people.admit_buyer(subject)
    with pytest.raises(InvalidCredentialsError):
        await people.log_in(registration.email, PASSWORD)


async def test_address_is_known_when_somebody_has_it(people: People, registration: Registration) -> None:
    await people.create_person(registration)
    with pytest.raises(EmailKnownError):
        await people.create_person(registration)


async def test_leftover_is_found_only_when_unfinished(people: People, registration: Registration) -> None:
    assert await people.find_unfinished(registration.email) is None
    subject = await people.create_person(registration)
    await people.admit_buyer(subject)
    found = await people.find_unfinished(registration.email)
    assert found is not None
    assert found.subject == subject
    assert abs(found.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    await people.set_password(subject, PASSWORD)
    assert await people.find_unfinished(registration.email) is None


async def test_profile_reads_back_when_registered(people: People, registration: Registration) -> None:
    subject = await finish(people, registration)
    profile = await people.read_profile(subject)
    assert profile is not None
    kept = (profile.subject, profile.email, profile.first_name, profile.last_name)
    assert kept == (subject, registration.email, "Ana Lúcia", "d'Ávila")
    assert profile.cpf == registration.cpf
    assert profile.address == registration.address
    assert profile.terms_accepted_at == registration.terms_accepted_at


async def test_nothing_is_left_when_erased_and_again_when_repeated(
    people: People, registration: Registration
) -> None:
    subject = await finish(people, registration)
    for _ in range(2):
        await people.erase(subject)
        assert await people.read_profile(subject) is None
    again = await finish(people, registration)
    assert again != subject


async def test_steps_say_so_when_the_person_is_gone(people: People, registration: Registration) -> None:
    subject = await people.create_person(registration)
    await people.erase(subject)
    with pytest.raises(PersonNotFoundError):
        await people.admit_buyer(subject)
    with pytest.raises(PersonNotFoundError):
        await people.set_password(subject, PASSWORD)


async def test_invited_administrator_is_no_leftover_when_still_without_password(
    cognito: UserPool, registration: Registration
) -> None:
    async with cognito_client(cognito.endpoints) as client:
        people = CognitoPeople(client, user_pool_id=cognito.pool_id, client_id=cognito.client_id)
        invited: dict[str, Any] = {"UserPoolId": cognito.pool_id, "Username": registration.email}
        await client.admin_create_user(**invited, TemporaryPassword="Temp-0rary!", MessageAction="SUPPRESS")
        assert await people.find_unfinished(registration.email) is None
        # Nor one who has registered here before and was then made an administrator.
        subject = (await client.admin_get_user(**invited))["Username"]
        await people.erase(subject)
        subject = await people.create_person(registration)
        await client.admin_add_user_to_group(UserPoolId=cognito.pool_id, Username=subject, GroupName="Admin")
        assert await people.find_unfinished(registration.email) is None
