"""Made-up people are complete, valid and always the same."""

from __future__ import annotations

import pytest

from autodeal_devstack.stack.people import make_cpf, make_person


@pytest.mark.parametrize(
    ("number", "cpf"), [(529982247, "52998224725"), (111444777, "11144477735"), (1, "00000000191")]
)
def test_check_digits_are_those_of_known_numbers_when_a_cpf_is_made(number: int, cpf: str) -> None:
    assert make_cpf(number) == cpf


def test_person_is_the_same_when_made_twice() -> None:
    assert make_person("Buyer", 3) == make_person("Buyer", 3)


def test_people_differ_when_their_numbers_or_groups_do() -> None:
    people = [make_person(group, number) for group in ("Admin", "Buyer") for number in range(50)]
    assert len({person.cpf for person in people}) == len(people)
    assert len({person.email for person in people}) == len(people)
