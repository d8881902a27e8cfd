from __future__ import annotations

from datetime import UTC, datetime

import pytest

from autodeal_contracts.saga import OrderState
from autodeal_gateway.app.delete_person import OPEN_STATES, delete_person
from autodeal_gateway.app.errors import (
    InvalidCredentialsError,
    OrdersUnavailableError,
    PersonNotFoundError,
    SaleOpenError,
)
from autodeal_gateway.app.log_in import log_in
from autodeal_gateway.app.memory_people import MemoryPeople
from autodeal_gateway.app.register_person import register_person
from autodeal_gateway.app.show_profile import show_profile
from autodeal_gateway.domain.address import Address
from autodeal_gateway.domain.registration import RegistrationForm

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PASSWORD = "Str0ng-enough!"
ADDRESS = Address(
    street="Rua A", number="1", neighborhood="Centro", city="Curitiba", state="PR", zip_code="80010-000"
)


class Orders:
    def __init__(self, *states: OrderState, away: bool = False) -> None:
        self.states = states
        self.away = away

    async def has_order_in(self, states: tuple[OrderState, ...], *, subject: str, token: str) -> bool:
        assert (subject, token) == ("person-1", "t")
        if self.away:
            raise OrdersUnavailableError
        return any(state in states for state in self.states)


@pytest.fixture
async def people() -> MemoryPeople:
    people = MemoryPeople(lambda: NOW)
    form = RegistrationForm(
        email="ana@example.com", password=PASSWORD, first_name="Ana", last_name="Souza", cpf="52998224725",
        address=ADDRESS, accepted_terms=True,
    )  # fmt: skip
    await register_person(people, form, now=NOW)
    return people


async def test_login_succeeds_when_the_address_is_cased_differently(people: MemoryPeople) -> None:
    assert (await log_in(people, email=" ANA@example.com", password=PASSWORD)).token_type == "Bearer"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ana@example.com", "wrong"),
        ("eve@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("ana@example.com", ""),
        ("ana@example.com", "x" * 257),
    ],
)
async def test_login_is_refused_alike_when_anything_is_wrong(
    people: MemoryPeople, email: str, password: str
) -> None:
    with pytest.raises(InvalidCredentialsError) as refusal:
        await log_in(people, email=email, password=password)
    assert str(refusal.value) == InvalidCredentialsError.detail


async def test_profile_is_shown_when_the_person_is_registered(people: MemoryPeople) -> None:
    assert (await show_profile(people, subject="person-1")).email == "ana@example.com"


async def test_profile_is_not_found_when_the_person_was_deleted(people: MemoryPeople) -> None:
    await people.erase("person-1")
    with pytest.raises(PersonNotFoundError):
        await show_profile(people, subject="person-1")


@pytest.mark.parametrize("state", OPEN_STATES)
async def test_deletion_is_refused_when_a_sale_is_open(people: MemoryPeople, state: OrderState) -> None:
    with pytest.raises(SaleOpenError):
        await delete_person(people, Orders(OrderState.SOLD, state), subject="person-1", token="t")
    assert people.people


async def test_deletion_is_refused_when_orders_cannot_be_asked(people: MemoryPeople) -> None:
    with pytest.raises(OrdersUnavailableError):
        await delete_person(people, Orders(away=True), subject="person-1", token="t")
    assert people.people


async def test_person_is_erased_when_every_sale_is_over_and_again_when_repeated(people: MemoryPeople) -> None:
    over = Orders(*(state for state in OrderState if state not in OPEN_STATES))
    for _ in range(2):
        await delete_person(people, over, subject="person-1", token="t")
        assert not people.people
