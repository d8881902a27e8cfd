"""Brokers that take tokens and end each connection with its token's time: nothing is lost over it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.messaging.consumer_stage import Running, Until
from tests.integration.messaging.kafka_clusters import (
    CONNECTION_LIFE_MS,
    TokenTakingKafka,
    authenticating_kafka,
    unsecured_token,
)
from tests.integration.messaging.ledger import Ledger, ledger_consumer
from tests.integration.messaging.ledger_load import Load, verify

from autodeal_messaging.kafka_identity import KafkaIdentityError
from autodeal_messaging.topics_admin import ensure_topics
from autodeal_platform.fresh_token import MARGIN_SECONDS, FreshToken, IssuedToken

pytestmark = [pytest.mark.integration, pytest.mark.real]

TOKEN_SECONDS = MARGIN_SECONDS + 2.0
"""So short that it is renewed over and over while the test runs."""


async def test_nothing_is_lost_and_new_tokens_are_taken_when_the_broker_ends_connections(
    *, ledger: Ledger, topic: Any, group: str, running: Running, until: Until
) -> None:
    given: list[str] = []

    def issue() -> IssuedToken:
        return IssuedToken(unsecured_token(TOKEN_SECONDS), time.time() + TOKEN_SECONDS)

    tokens = FreshToken("kafka", issue)

    async def source() -> str:
        token = await tokens()
        given.append(token)
        return token

    async with authenticating_kafka(TokenTakingKafka) as broker:
        settings = replace(broker.settings(), kafka_tokens=source)
        with pytest.raises(KafkaIdentityError):
            await ensure_topics(broker.settings(), [topic])
        await ensure_topics(settings, [topic])
        load = Load(settings, topic)
        async with running(ledger_consumer(settings, group, topic.name, ledger).run):
            async with load.flowing():
                # Each connection is ended several times over.
                await asyncio.sleep(6 * CONNECTION_LIFE_MS / 1000)
                await until(load.passed(20))
            await verify(ledger, load, until)
    assert len(given) >= 6, "each connection asks for a token"
    assert len(set(given)) >= 3, "and is given the one that is valid then"
