from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autodeal_gateway.app import register_person as module
from autodeal_gateway.app.errors import (
    EmailTakenError,
    IdentityUnavailableError,
    InvalidCredentialsError,
    RegistrationInProgressError,
)
from autodeal_gateway.app.memory_people import MemoryPeople
from autodeal_gateway.app.register_person import TAKE_OVER_AFTER, PasswordRefusedError, register_person
from autodeal_gateway.domain.address import Address
from autodeal_gateway.domain.registration import RegistrationForm, RegistrationInvalidError

EMAIL, PASSWORD = "ana@example.com", "Str0ng-enough!"
STEPS = ("create_person", "admit_buyer", "set_password")


def form(password: str = PASSWORD, first_name: str = "Ana") -> RegistrationForm:
    address = Address(
        street="Rua A", number="1", neighborhood="Centro", city="Curitiba", state="PR", zip_code="80010-000"
    )
    return RegistrationForm(
        email=EMAIL, password=password, first_name=first_name, last_name="Souza", cpf="52998224725",
        address=address, accepted_terms=True,
    )  # fmt: skip


class DiedError(BaseException):
    """The process ended here."""


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class FaultyPeople(MemoryPeople):
    """Meets trouble at one step: before it took effect, or after it."""

    trouble: BaseException | None = None
    step = ""
    takes_effect = False

    async def _meet(self, step: str, *arguments: Any) -> Any:
        faulty = self.trouble is not None and step == self.step
        if faulty and not self.takes_effect:
            raise self.trouble  # type: ignore[misc]  # it is set when faulty
        result = await getattr(super(), step)(*arguments)
        if faulty:
            raise self.trouble  # type: ignore[misc]  # it is set when faulty
        return result

    async def create_person(self, registration: Any) -> Any:
        return await self._meet("create_person", registration)

    async def admit_buyer(self, subject: str) -> None:
        await self._meet("admit_buyer", subject)

    async def set_password(self, subject: str, password: str) -> None:
        await self._meet("set_password", subject, password)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(clock: Clock) -> FaultyPeople:
    return FaultyPeople(clock)


async def test_person_can_log_in_and_buy_when_registered(people: FaultyPeople, clock: Clock) -> None:
    person = await register_person(people, form(), now=clock())
    assert (await people.log_in(EMAIL, PASSWORD)).access_token.endswith(person.subject)
    assert people.people[person.subject].groups == {"Buyer"}


async def test_email_is_taken_when_somebody_is_registered(people: FaultyPeople, clock: Clock) -> None:
    person = await register_person(people, form(), now=clock())
    clock.now += TAKE_OVER_AFTER * 100
    with pytest.raises(EmailTakenError):
        await register_person(people, form(password="An0ther-one!"), now=clock())
    assert list(people.people) == [person.subject]
    await people.log_in(EMAIL, PASSWORD)


@pytest.mark.parametrize("effect", ["none", "full"])
@pytest.mark.parametrize("step", STEPS)
async def test_repeat_heals_when_the_process_died_in_between(
    people: FaultyPeople, clock: Clock, step: str, effect: str
) -> None:
    people.trouble, people.step, people.takes_effect = DiedError(), step, effect == "full"
    with pytest.raises(DiedError):
        await register_person(people, form(password="First-0ne!"), now=clock())
    people.trouble = None
    clock.now += TAKE_OVER_AFTER
    if step == STEPS[-1] and effect == "full":
        # The password was set, so the registration came to its end and only the answer was lost.
        with pytest.raises(EmailTakenError):
            await register_person(people, form(), now=clock())
        await people.log_in(EMAIL, "First-0ne!")
        return
    with pytest.raises(InvalidCredentialsError):
        await people.log_in(EMAIL, "First-0ne!")
    person = await register_person(people, form(), now=clock())
    await people.log_in(EMAIL, PASSWORD)
    assert people.people[person.subject].groups == {"Buyer"}
    assert len(people.people) == 1


async def test_repeat_waits_when_the_first_may_still_be_running(people: FaultyPeople, clock: Clock) -> None:
    people.trouble, people.step = DiedError(), "set_password"
    with pytest.raises(DiedError):
        await register_person(people, form(), now=clock())
    clock.now += TAKE_OVER_AFTER - timedelta(seconds=1)
    with pytest.raises(RegistrationInProgressError):
        await register_person(people, form(), now=clock())


@pytest.mark.parametrize("effect", ["none", "full"])
@pytest.mark.parametrize("step", STEPS[1:])
async def test_repeat_need_not_wait_when_a_step_failed(
    people: FaultyPeople, clock: Clock, step: str, effect: str
) -> None:
    people.trouble, people.step, people.takes_effect = IdentityUnavailableError(), step, effect == "full"
    with pytest.raises(IdentityUnavailableError):
        await register_person(people, form(), now=clock())
    assert people.people == {}
    people.trouble = None
    await register_person(people, form(), now=clock())


async def test_half_made_person_heals_later_when_not_even_cleaning_up_worked(
    people: FaultyPeople, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(subject: str) -> None:
        raise IdentityUnavailableError

    people.trouble, people.step = IdentityUnavailableError(), "set_password"
    with monkeypatch.context() as away:
        away.setattr(people, "erase", unavailable)
        with pytest.raises(IdentityUnavailableError):
            await register_person(people, form(), now=clock())
    people.trouble = None
    clock.now += TAKE_OVER_AFTER
    await register_person(people, form(), now=clock())
    assert len(people.people) == 1


async def test_password_is_named_when_the_provider_refuses_it(people: FaultyPeople, clock: Clock) -> None:
    people.trouble, people.step = PasswordRefusedError("is too common"), "set_password"
    with pytest.raises(RegistrationInvalidError) as refusal:
        await register_person(people, form(), now=clock())
    assert [fault.field for fault in refusal.value.faults] == ["password"]
    assert people.people == {}


async def test_two_registrations_never_mix_when_they_race_for_a_leftover(
    people: FaultyPeople, clock: Clock
) -> None:
    people.trouble, people.step = DiedError(), "admit_buyer"
    with pytest.raises(DiedError):
        await register_person(people, form(), now=clock())
    people.trouble = None
    clock.now += TAKE_OVER_AFTER
    rivals = {f"Pass-w0rd-{name}": name for name in ("Bia", "Caio", "Davi")}
    results = await asyncio.gather(
        *(register_person(people, form(password, name), now=clock()) for password, name in rivals.items()),
        return_exceptions=True,
    )
    (person,) = people.people.values()
    assert person.password is not None
    assert rivals[person.password] == person.registration.first_name
    winners = [result for result in results if not isinstance(result, BaseException)]
    assert [winner.registration.first_name for winner in winners] == [person.registration.first_name]


async def test_registration_gives_up_when_the_provider_does_not_answer(
    people: FaultyPeople, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "REGISTRATION_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr(people, "set_password", never)
    with pytest.raises(IdentityUnavailableError):
        await register_person(people, form(), now=clock())
    assert people.people == {}
