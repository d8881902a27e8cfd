"""Which service makes which topics."""

from __future__ import annotations

import pytest

from autodeal_contracts.topics import NOTIFICATION, PAYMENT, SALE, topics_of


@pytest.mark.parametrize(
    ("service", "names"),
    [
        ("vehicle", {SALE, PAYMENT, "autodeal-vehicle.dlq"}),
        ("payment", {SALE, PAYMENT, NOTIFICATION, "autodeal-payment.dlq"}),
        ("gateway", {NOTIFICATION}),
    ],
)
def test_service_has_what_it_writes_to_and_reads_and_its_dead_letters(service: str, names: set[str]) -> None:
    assert {topic.name for topic in topics_of(service)} == names
