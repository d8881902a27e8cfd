"""Made-up people, the same on every run."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST_NAMES = (
    "Ana",
    "Bruno",
    "Camila",
    "Diego",
    "Eduarda",
    "Felipe",
    "Gabriela",
    "Heitor",
    "Isabela",
    "João",
)
LAST_NAMES = (
    "Almeida",
    "Barbosa",
    "Cardoso",
    "Dias",
    "Esteves",
    "Ferreira",
    "Gomes",
    "Lima",
    "Moreira",
    "Souza",
)
STREETS = ("Rua das Flores", "Avenida Paulista", "Rua XV de Novembro", "Avenida Atlântica", "Rua da Bahia")
CITIES = (("São Paulo", "SP"), ("Curitiba", "PR"), ("Rio de Janeiro", "RJ"), ("Belo Horizonte", "MG"))
CPF_DIGITS = 9
CPF_MODULUS = 11
LOWEST_REMAINDER = 2


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who can register: every field that a complete profile needs."""

    email: str
    password: str
    first_name: str
    last_name: str
    cpf: str
    """Eleven digits, the last two of which check the others."""
    address: dict[str, str]


def make_person(group: str, number: int) -> Person:
    """Return the person of that number in that group."""
    chance = random.Random(f"{group} {number}")
    city, state = chance.choice(CITIES)
    return Person(
        email=f"{group.lower()}{number}@autodeal.example",
        password=f"AutoDeal-{group}-{number:04d}!",
        first_name=chance.choice(FIRST_NAMES),
        last_name=chance.choice(LAST_NAMES),
        cpf=make_cpf(chance.randrange(10**CPF_DIGITS)),
        address={
            "street": chance.choice(STREETS),
            "number": str(chance.randint(1, 2000)),
            "neighborhood": "Centro",
            "city": city,
            "state": state,
            "zip_code": f"{chance.randint(1000, 99999):05d}-{chance.randint(0, 999):03d}",
        },
    )


def make_cpf(number: int) -> str:
    """Return the CPF whose first nine digits are `number`, with its two check digits."""
    digits = [int(digit) for digit in f"{number:09d}"]
    for _ in range(2):
        weighted = sum(digit * weight for weight, digit in enumerate(reversed(digits), start=2))
        remainder = weighted % CPF_MODULUS
        digits.append(0 if remainder < LOWEST_REMAINDER else CPF_MODULUS - remainder)
    return "".join(map(str, digits))
