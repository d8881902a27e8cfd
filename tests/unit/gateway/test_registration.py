from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from autodeal_gateway.domain.address import STATES, Address
from autodeal_gateway.domain.registration import (
    RegistrationForm,
    RegistrationInvalidError,
    check_registration,
    is_email,
    normalize_email,
    password_faults,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDRESS = Address(
    street="Avenida Paulista", number="1578", neighborhood="Bela Vista", city="São Paulo", state="SP",
    zip_code="01310-200",
)  # fmt: skip
FORM = RegistrationForm(
    email="Ana.Souza@Example.com ",
    password="Str0ng-enough!",
    first_name=" Ana  Lúcia ",
    last_name="d'Ávila",
    cpf="529.982.247-25",
    address=ADDRESS,
    accepted_terms=True,
)


def faulty_fields(form: RegistrationForm) -> list[str]:
    with pytest.raises(RegistrationInvalidError) as refusal:
        check_registration(form, now=NOW)
    return [fault.field for fault in refusal.value.faults]


def test_registration_is_put_in_its_one_spelling_when_acceptable() -> None:
    registration = check_registration(FORM, now=NOW)
    assert registration.email == "ana.souza@example.com"
    assert (registration.first_name, registration.last_name) == ("Ana Lúcia", "d'Ávila")
    assert registration.cpf.digits == "52998224725"
    assert registration.address.zip_code == "01310200"
    assert registration.address.complement is None
    assert registration.terms_accepted_at == NOW


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ana"}, "email"),
        ({"email": "a" * 65 + "@example.com"}, "email"),
        ({"password": "shor-1A"}, "password"),
        ({"password": "Str0ng-enough! "}, "password"),
        ({"first_name": "   "}, "first_name"),
        ({"first_name": "12-34"}, "first_name"),
        ({"last_name": "x" * 81}, "last_name"),
        ({"last_name": "So\u202euza"}, "last_name"),
        ({"cpf": "529.982.247-26"}, "cpf"),
        ({"accepted_terms": False}, "accepted_terms"),
        ({"address": replace(ADDRESS, state="XX")}, "address.state"),
        ({"address": replace(ADDRESS, zip_code="0131-0200")}, "address.zip_code"),
        ({"address": replace(ADDRESS, street=" ")}, "address.street"),
        ({"address": replace(ADDRESS, number="9" * 21)}, "address.number"),
        ({"address": replace(ADDRESS, complement="a\x07b")}, "address.complement"),
    ],
)
def test_registration_names_the_field_when_it_breaks_a_rule(change: dict[str, object], field: str) -> None:
    assert faulty_fields(replace(FORM, **change)) == [field]  # type: ignore[arg-type]  # by parameter


def test_registration_names_every_fault_at_once_when_there_are_several() -> None:
    worst = replace(FORM, email="", password="", cpf="", accepted_terms=False)
    assert set(faulty_fields(worst)) == {"email", "password", "cpf", "accepted_terms"}


def test_refusal_repeats_nothing_personal_when_raised() -> None:
    form = replace(FORM, email="ana@", password="geheim", cpf="11122233344", first_name="1")
    with pytest.raises(RegistrationInvalidError) as refusal:
        check_registration(form, now=NOW)
    told = str(refusal.value) + str(refusal.value.context)
    assert not [word for word in ("ana@", "geheim", "11122233344", "Paulista") if word in told]


def test_people_have_no_telling_repr_when_printed() -> None:
    told = repr(FORM) + repr(check_registration(FORM, now=NOW)) + repr(ADDRESS)
    assert not [word for word in ("Ana", "Str0ng", "529", "Paulista") if word in told]


def test_states_are_the_27_federal_units_when_counted() -> None:
    assert len(STATES) == 27


def test_state_may_be_lower_case_when_written() -> None:
    form = replace(FORM, address=replace(ADDRESS, state=" sp "))
    assert check_registration(form, now=NOW).address.state == "SP"


@pytest.mark.parametrize("email", ["a@b.co", "first.last+tag@sub.example.com.br", "o'neil_1@ex-ample.org"])
def test_email_is_accepted_when_well_formed(email: str) -> None:
    assert is_email(email)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "@b.co",
        "a@b",
        "a b@c.de",
        "a@b..co",
        ".a@b.co",
        "a.@b.co",
        "a..b@c.de",
        "a@-b.co",
        "a@b.co\n",
        "a@b@c.de",
    ],
)
def test_email_is_refused_when_malformed(email: str) -> None:
    assert not is_email(email)


def test_email_is_one_address_when_cased_differently() -> None:
    assert normalize_email(" ANA@Example.COM") == normalize_email("ana@example.com")


@pytest.mark.parametrize(
    ("password", "lacking"),
    [
        ("ALLUPPER1!", "lower-case"),
        ("alllower1!", "upper-case"),
        ("NoDigits!!", "digit"),
        ("NoSymbol11", "symbol"),
    ],
)
def test_password_tells_what_it_lacks_when_too_simple(password: str, lacking: str) -> None:
    (fault,) = password_faults(password)
    assert lacking in fault
